#include "curate/export/set_papers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "eval/data/csv_field.h"

enum { DESCRIBED = 4096 };

/* A text that is being written. */
typedef struct writing {
    FILE *file;
    char *text;
    size_t size;
} writing;

static bool begin(writing *self)
{
    *self = (writing){0};
    self->file = open_memstream(&self->text, &self->size);
    return self->file != NULL;
}

static char *end(writing *self)
{
    if (fclose(self->file) == 0)
        return self->text;
    free(self->text);
    return NULL;
}

static void put_row(FILE *file, const char *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            (void)fputc(',', file);
        cir__csv_field_put(file, fields[i]);
    }
    (void)fputc('\n', file);
}

static void format_digest(const uint8_t digest[CIR__SHA256_SIZE], char text_out[2 * CIR__SHA256_SIZE + 1])
{
    for (size_t i = 0; i < CIR__SHA256_SIZE; i++)
        (void)snprintf(text_out + 2 * i, 3, "%02x", digest[i]);
}

static const char *text_of(const cir__export_entry *entry)
{
    return entry->kind == CIR__ENTRY_POSITIVE ? entry->instance->candidates.changes[entry->i_change].text
                                              : "";
}

char *cir__papers_make_database(const cir__papers *papers)
{
    writing self;
    char path[1024];
    if (!begin(&self))
        return NULL;
    for (size_t i = 0; i < papers->entries->n; i++) {
        const cir__export_entry *entry = &papers->entries->items[i];
        if (entry->kind == CIR__ENTRY_QUERY)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", papers->name, entry->path);
        put_row(self.file, (const char *[]){path, text_of(entry), entry->instance->candidates.key}, 3);
    }
    return end(&self);
}

char *cir__papers_make_queries(const cir__papers *papers)
{
    writing self;
    char path[1024];
    if (!begin(&self))
        return NULL;
    for (size_t i = 0; i < papers->entries->n; i++) {
        const cir__export_entry *entry = &papers->entries->items[i];
        const cir__candidates *candidates = &entry->instance->candidates;
        if (entry->kind != CIR__ENTRY_QUERY)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", papers->name, entry->path);
        for (size_t c = 0; c < candidates->n_changes; c++)
            if (cir__set_has_query(entry->instance, c))
                put_row(self.file, (const char *[]){path, candidates->changes[c].text, candidates->key}, 3);
    }
    return end(&self);
}

char *cir__papers_make_pictures(const cir__papers *papers)
{
    writing self;
    char sources[DESCRIBED];
    char types[DESCRIBED];
    char kinds[DESCRIBED];
    char digest[2 * CIR__SHA256_SIZE + 1];
    if (!begin(&self))
        return NULL;
    (void)fputs("path,sha256,instance,text,source_types,judged_types,seed_kinds,licence\n", self.file);
    for (size_t i = 0; i < papers->entries->n; i++) {
        const cir__export_entry *entry = &papers->entries->items[i];
        cir__export_entry_describe(entry, sources, types, kinds, DESCRIBED);
        format_digest(entry->sha256, digest);
        put_row(self.file,
                (const char *[]){entry->path, digest, entry->instance->candidates.key, text_of(entry),
                                 sources, types, kinds, papers->options->licence},
                8);
    }
    return end(&self);
}

char *cir__papers_make_visual(const cir__papers *papers)
{
    writing self;
    if (!begin(&self))
        return NULL;
    (void)fputs("instance,category\n", self.file);
    for (size_t i = 0; i < papers->entries->n; i++) {
        const cir__candidates *candidates = &papers->entries->items[i].instance->candidates;
        if ((i == 0 || papers->entries->items[i - 1].instance != papers->entries->items[i].instance) &&
            candidates->kind[0] != '\0')
            put_row(self.file, (const char *[]){candidates->key, candidates->kind}, 2);
    }
    return end(&self);
}

/* Of one text in several instances, the first that has a category gives it. */
static bool is_told_before(const cir__papers *papers, size_t i_entry, size_t i_change)
{
    const cir__candidates *own = &papers->entries->items[i_entry].instance->candidates;
    for (size_t i = 0; i <= i_entry; i++) {
        const cir__candidates *other = &papers->entries->items[i].instance->candidates;
        if (i > 0 && papers->entries->items[i - 1].instance == papers->entries->items[i].instance)
            continue;
        for (size_t c = 0; c < other->n_changes; c++) {
            if (other == own && c == i_change)
                return false;
            if (other->changes[c].kind[0] != '\0' &&
                strcmp(other->changes[c].text, own->changes[i_change].text) == 0)
                return true;
        }
    }
    return false;
}

char *cir__papers_make_textual(const cir__papers *papers)
{
    writing self;
    if (!begin(&self))
        return NULL;
    (void)fputs("text,category\n", self.file);
    for (size_t i = 0; i < papers->entries->n; i++) {
        const cir__candidates *candidates = &papers->entries->items[i].instance->candidates;
        if (i > 0 && papers->entries->items[i - 1].instance == papers->entries->items[i].instance)
            continue;
        for (size_t c = 0; c < candidates->n_changes; c++)
            if (candidates->changes[c].kind[0] != '\0' && !is_told_before(papers, i, c))
                put_row(self.file, (const char *[]){candidates->changes[c].text, candidates->changes[c].kind},
                        2);
    }
    return end(&self);
}

char *cir__papers_make_datasheet(const cir__papers *papers)
{
    const cir_export_report *report = papers->report;
    const cir_export_options *options = papers->options;
    writing self;
    if (!begin(&self))
        return NULL;
    (void)fprintf(self.file, "# %s %s\n\n%s%s", papers->name, options->version,
                  options->description != NULL ? options->description : "",
                  options->description != NULL ? "\n\n" : "");
    (void)fprintf(
        self.file,
        "A set for composed image retrieval at the level of instances, in the layout of i-CIR: a query is a photo "
        "of a thing and a text, and what is asked for are photos of that very thing of which the text holds.\n\n"
        "| | |\n|---|--:|\n| instances | %zu |\n| queries | %zu |\n| query images | %zu |\n| positives | %zu |\n"
        "| hard negatives | %zu |\n\n",
        report->n_instances, report->n_queries, report->n_query_images, report->n_positives,
        report->n_negatives);
    (void)fprintf(
        self.file,
        "Licence: %s. %s%s%s\n\n## How it was made\n"
        "Candidates are the neighbours, by a vision-language model's features, of seed photos and sentences of "
        "each instance; people, or a program, said which are positive for which text. `pictures.csv` has for "
        "every row what it is by source (which kinds of seeds found it: V visual, T textual, C composed) and, "
        "where that was asked, by judgement, for each text of its instance in the order of its texts. Seeds are "
        "not in the set.\n\n"
        "## What was left out\n"
        "%zu candidates that nobody looked at for every text. Pictures that were ambiguous, removed, copies of "
        "others, or too small. %zu pictures were positive for two texts%s.\n\n",
        options->licence, options->creator != NULL ? "Made by " : "",
        options->creator != NULL ? options->creator : "", options->creator != NULL ? "." : "",
        report->n_unseen, report->n_two_texts,
        report->n_two_texts == 0                   ? ""
        : options->two_texts == CIR_TWO_TEXTS_DROP ? ", which the layout cannot say, and were left out"
                                                   : ", and are so for the first alone");
    (void)fprintf(
        self.file,
        "## What a picture's file keeps\n"
        "No EXIF, XMP, IPTC, comments or thumbnails. %zu of %zu were encoded anew (JPEG, quality 95), as their "
        "metadata turned them or their kind is rare; of the others the pixels' bytes are as they were. Faces and "
        "licence plates were not looked for automatically.\n",
        report->n_reencoded, report->n_pictures);
    return end(&self);
}

static json_t *make_field(const char *name, const char *column, const char *type)
{
    char id[64];
    (void)snprintf(id, sizeof id, "pictures/%s", name);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:{s:s}, s:{s:s}}}", "@type", "cr:Field", "@id", id, "name", id,
                     "dataType", type, "source", "fileObject", "@id", "pictures.csv", "extract", "column",
                     column);
}

char *cir__papers_make_croissant(const cir__papers *papers)
{
    static const char *const columns[] = {"path",         "sha256",       "instance",   "text",
                                          "source_types", "judged_types", "seed_kinds", "licence"};
    const cir_export_options *options = papers->options;
    char *pictures = cir__papers_make_pictures(papers);
    char hex[2 * CIR__SHA256_SIZE + 1] = "";
    if (pictures == NULL)
        return NULL;
    uint8_t digest[CIR__SHA256_SIZE];
    cir__sha256(pictures, strlen(pictures), digest);
    format_digest(digest, hex);
    free(pictures);
    json_t *fields = json_array();
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        json_array_append_new(fields, make_field(columns[i], columns[i], "sc:Text"));
    json_t *context = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}",
        "@language", "en", "@vocab", "https://schema.org/", "sc", "https://schema.org/", "cr",
        "http://mlcommons.org/croissant/", "rai", "http://mlcommons.org/croissant/RAI/", "dct",
        "http://purl.org/dc/terms/", "dataType", "@id", "cr:dataType", "@type", "@vocab", "field", "cr:field",
        "recordSet", "cr:recordSet", "source", "cr:source", "fileObject", "cr:fileObject", "extract",
        "cr:extract", "column", "cr:column", "conformsTo", "dct:conformsTo", "data", "@id", "cr:data",
        "@type", "@json");
    json_t *file =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "@type", "cr:FileObject", "@id", "pictures.csv", "name",
                  "pictures.csv", "contentUrl", "pictures.csv", "encodingFormat", "text/csv", "sha256", hex);
    json_t *record = json_pack("{s:s, s:s, s:s, s:o}", "@type", "cr:RecordSet", "@id", "pictures", "name",
                               "pictures", "field", fields);
    json_t *top = json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[o], s:[o]}", "@context", context, "@type",
        "sc:Dataset", "conformsTo", "http://mlcommons.org/croissant/1.0", "name", papers->name, "description",
        options->description != NULL ? options->description
                                     : "A set for instance-level composed image retrieval.",
        "license", options->licence, "url", options->url != NULL ? options->url : "", "version",
        options->version, "rai:dataCollection",
        "Neighbours of seed photos and sentences in a collection, by a vision-language model.",
        "rai:dataAnnotationProtocol",
        "A picture is positive for a text if it shows the very same thing and the text holds; ambiguous ones are left out.",
        "rai:personalSensitiveInformation", "Not looked for automatically.", "distribution", file,
        "recordSet", record);
    if (top != NULL && options->creator != NULL)
        json_object_set_new(top, "creator",
                            json_pack("{s:s, s:s}", "@type", "sc:Person", "name", options->creator));
    char *text = top != NULL ? json_dumps(top, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(top);
    return text;
}

char *cir__papers_make_manifest(const cir__papers *papers)
{
    writing self;
    char sources[DESCRIBED];
    char types[DESCRIBED];
    char kinds[DESCRIBED];
    char digest[2 * CIR__SHA256_SIZE + 1];
    if (!begin(&self))
        return NULL;
    bool is_whole = true;
    for (size_t i = 0; i < papers->entries->n && is_whole; i++) {
        const cir__export_entry *entry = &papers->entries->items[i];
        cir__export_entry_describe(entry, sources, types, kinds, DESCRIBED);
        format_digest(entry->sha256, digest);
        json_t *line = json_pack("[s, s, s, s, s, s, s]", entry->instance->candidates.key, entry->path,
                                 digest, text_of(entry), sources, types, kinds);
        char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
        is_whole = text != NULL && fprintf(self.file, "%s\n", text) > 0;
        free(text);
        json_decref(line);
    }
    char *text = end(&self);
    if (!is_whole) {
        free(text);
        return NULL;
    }
    return text;
}
