#include "format/sniff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "format/json.h"

#define TAR_MARK_AT 257
#define ZEROS_BYTES ((size_t)4096)
#define MAX_ERROR_BYTES ((size_t)64 << 10) /* a server's error document is small */
#define MAX_REMARK_BYTES ((size_t)2048)    /* and a remark in plain words smaller */
#define SHOWN_BYTES 80

#define AGAIN "download it again"
#define NOT_PICKLE "which is not read; convert the model to safetensors"
#define SAVE_ANEW                                                                                            \
    "which is not read; save it anew: python3 -c \"import torch; "                                           \
    "torch.save(torch.load('FILE', map_location='cpu', weights_only=True), 'FILE')\""

typedef struct mark {
    const char *bytes;
    size_t size;
    const char *is;   /* "WHAT is a …" */
    const char *next; /* what to do */
} mark;

/* Whole files of other kinds, by their first bytes. */
static const mark marks[] = {
    {"version https://git-lfs", 23, "a Git LFS pointer", "fetch the file itself: git lfs pull"},
    {"version https://hawser", 22, "a Git LFS pointer", "fetch the file itself: git lfs pull"},
    {"/annex/objects/", 15, "a git-annex pointer", "fetch the file itself: git annex get"},
    {"\x1f\x8b", 2, "compressed with gzip", "unpack it with gunzip"},
    {"BZh", 3, "compressed with bzip2", "unpack it with bunzip2"},
    {"\xfd\x37zXZ", 5, "compressed with xz", "unpack it with unxz"},
    {"\x28\xb5\x2f\xfd", 4, "compressed with Zstandard", "unpack it with unzstd"},
    {"7z\xbc\xaf", 4, "a 7z archive", "unpack it"},
    {"Rar!", 4, "a RAR archive", "unpack it"},
    {"PK\x03\x04", 4, "a ZIP archive, such as PyTorch's checkpoints",
     "which is read by the name of pytorch_model.bin or open_clip_pytorch_model.bin"},
    {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14,
     "a PyTorch checkpoint as before version 1.6 (a bare pickle)", SAVE_ANEW},
    {"\x80\x02", 2, "a Python pickle", NOT_PICKLE},
    {"\x80\x03", 2, "a Python pickle", NOT_PICKLE},
    {"\x80\x04", 2, "a Python pickle", NOT_PICKLE},
    {"\x80\x05", 2, "a Python pickle", NOT_PICKLE},
    {"\x89HDF\r\n", 6, "an HDF5 file, such as TensorFlow's", NOT_PICKLE},
    {"GGUF", 4, "a GGUF file", "which is not read; take the model's safetensors"},
    {"\x93NUMPY", 6, "a .npy file", AGAIN},
    {"SQLite format 3", 15, "an SQLite database", AGAIN},
    {"\x89PNG\r\n", 6, "a picture (PNG)", AGAIN},
    {"\xff\xd8\xff", 3, "a picture (JPEG)", AGAIN},
    {"%PDF-", 5, "a PDF document", AGAIN},
    {"\x7f"
     "ELF",
     4, "a program", AGAIN},
    {"#!/", 3, "a script", AGAIN},
    {"\xff\xfe", 2, "text in UTF-16", "save it as UTF-8"},
    {"\xfe\xff", 2, "text in UTF-16", "save it as UTF-8"},
};

static cir_status refuse(cir__bytes_view file, const char *what, const char *is, const char *next,
                         cir_error *err)
{
    return cir__fail(err, CIR_FORMAT, "%s: is %s, not %s; %s", file.name, is, what, next);
}

static bool begins_with(cir__bytes_view file, const void *bytes, size_t size)
{
    return file.size >= size && memcmp(file.data, bytes, size) == 0;
}

/* Its length and the brace behind that agree with the file: any bytes may stand in a length. */
static bool is_safetensors(cir__bytes_view file)
{
    uint64_t size = 0;
    if (file.size < 9 || file.data[8] != '{')
        return false;
    for (size_t i = 0; i < 8; i++)
        size |= (uint64_t)file.data[i] << (8 * i);
    return size <= file.size - 8;
}

static bool is_right(cir__bytes_view file, cir__sniff_kind kind)
{
    return (kind == CIR__SNIFF_SAFETENSORS && is_safetensors(file)) ||
           (kind == CIR__SNIFF_TORCH && begins_with(file, "PK\x03\x04", 4)) ||
           (kind == CIR__SNIFF_NPY && begins_with(file, "\x93NUMPY", 6));
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The file behind a byte order mark and white space. */
static cir__bytes_view skip_blanks(cir__bytes_view file)
{
    if (begins_with(file, "\xef\xbb\xbf", 3))
        file = (cir__bytes_view){file.data + 3, file.size - 3, file.name};
    while (file.size > 0 && is_blank(file.data[0]))
        file = (cir__bytes_view){file.data + 1, file.size - 1, file.name};
    return file;
}

/* HTML, or the XML that stores answer with. */
static const char *find_markup(cir__bytes_view text)
{
    static const char *const tags[] = {"<!doctype html", "<html", "<head", "<body", "<title", "<!--"};
    const char *begin = (const char *)text.data;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (text.size >= strlen(tags[i]) && strncasecmp(begin, tags[i], strlen(tags[i])) == 0)
            return "an HTML page";
    return text.size >= 5 && (memcmp(begin, "<?xml", 5) == 0 || memcmp(begin, "<Erro", 5) == 0)
               ? "an XML document"
               : NULL;
}

/* One printable line of at most MAX_REMARK_BYTES, such as "Entry not found". */
static bool is_remark(cir__bytes_view text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' && !is_blank(text.data[i]))
            return false;
    return text.size > 0 && text.size <= MAX_REMARK_BYTES;
}

static cir_status refuse_remark(cir__bytes_view file, cir__bytes_view text, const char *what, cir_error *err)
{
    char line[SHOWN_BYTES + 1];
    (void)snprintf(line, sizeof line, "%.*s", (int)(text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES),
                   (const char *)text.data);
    line[strcspn(line, "\r\n")] = '\0';
    return cir__fail(err, CIR_FORMAT, "%s: is text (\"%s\"), not %s; " AGAIN, file.name, line, what);
}

/* {"error": "…"}: what a server says in place of the file. */
static cir_status check_error_document(cir__bytes_view file, cir__bytes_view text, const char *what,
                                       cir_error *err)
{
    if (text.size > MAX_ERROR_BYTES || text.size == 0 || text.data[0] != '{')
        return CIR_OK;
    json_t *top = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *error = json_string_value(json_object_get(top, "error"));
    cir_status status = error == NULL
                            ? CIR_OK
                            : cir__fail(err, CIR_FORMAT, "%s: is a server's error (\"%.*s\"), not %s; " AGAIN,
                                        file.name, SHOWN_BYTES, error, what);
    json_decref(top);
    return status;
}

static bool is_all_zeros(cir__bytes_view file)
{
    size_t n = file.size < ZEROS_BYTES ? file.size : ZEROS_BYTES;
    for (size_t i = 0; i < n; i++)
        if (file.data[i] != 0)
            return false;
    return true;
}

/* What only binary files cannot be. */
static cir_status check_binary(cir__bytes_view file, cir__bytes_view text, const char *what, cir_error *err)
{
    if (is_all_zeros(file))
        return refuse(file, what, "zero bytes", "it was not downloaded whole: " AGAIN, err);
    if (begins_with(text, "{", 1))
        return refuse(file, what, "a JSON document", AGAIN, err);
    return CIR_OK;
}

cir_status cir__sniff_check(cir__bytes_view file, cir__sniff_kind kind, const char *what, cir_error *err)
{
    const bool is_binary = kind != CIR__SNIFF_JSON && kind != CIR__SNIFF_TEXT;
    if (file.size == 0)
        return refuse(file, what, "empty", AGAIN, err);
    if (is_right(file, kind))
        return CIR_OK;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (begins_with(file, marks[i].bytes, marks[i].size))
            return refuse(file, what, marks[i].is, marks[i].next, err);
    if (file.size > TAR_MARK_AT + 5 && memcmp(file.data + TAR_MARK_AT, "ustar", 5) == 0)
        return refuse(file, what, "a tar archive", "unpack it", err);
    cir__bytes_view text = skip_blanks(file);
    const char *markup = find_markup(text);
    if (markup != NULL)
        return refuse(file, what, markup, AGAIN " (a login or an error page came in its place)", err);
    cir_status status = check_error_document(file, text, what, err);
    if (status == CIR_OK && is_binary)
        status = check_binary(file, text, what, err);
    bool is_odd =
        is_binary || (kind == CIR__SNIFF_JSON && !begins_with(text, "{", 1) && !begins_with(text, "[", 1));
    return status == CIR_OK && is_odd && is_remark(text) ? refuse_remark(file, text, what, err) : status;
}
