#include "model/checkpoint.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "format/safetensors.h"
#include "format/shard_index.h"
#include "format/torch_file.h"

struct cir__checkpoint {
    cir__shard_index index;
    size_t n_parts;
    cir__checkpoint_part *parts;  /* [n_parts] */
    cir__safetensors **tables;    /* [n_parts] */
    cir__torch_file **archives;   /* [n_parts], in place of these */
    const cir__tensors **tensors; /* [n_parts] */
    cir__tensors joined;          /* of more than one file */
    bool is_sharded;
};

static cir_status new_parts(cir__checkpoint *self, size_t n, cir_error *err)
{
    self->parts = cir__new(n, sizeof *self->parts);
    self->tables = cir__new(n, sizeof *self->tables);
    self->archives = cir__new(n, sizeof *self->archives);
    self->tensors = cir__new(n, sizeof *self->tensors);
    if (self->parts == NULL || self->tables == NULL || self->archives == NULL || self->tensors == NULL)
        return cir__fail_memory(err, "weights");
    self->n_parts = n;
    return CIR_OK;
}

static cir_status parse_archive(cir__checkpoint *self, size_t i_part, cir__bytes_view file, cir_error *err)
{
    cir_status status = cir__torch_file_parse(file, &self->archives[i_part], err);
    if (status == CIR_OK)
        status = cir__torch_file_check(self->archives[i_part], err);
    if (status != CIR_OK)
        return status;
    self->tensors[i_part] = cir__torch_file_get_all(self->archives[i_part]);
    self->parts[i_part] = (cir__checkpoint_part){file, cir__torch_file_pickle(self->archives[i_part]), 0};
    return CIR_OK;
}

static cir_status parse_part(cir__checkpoint *self, size_t i_part, bool is_torch, cir__bytes_view file,
                             cir_error *err)
{
    if (is_torch)
        return parse_archive(self, i_part, file, err);
    cir_status status = cir__safetensors_parse(file, &self->tables[i_part], err);
    if (status != CIR_OK)
        return status;
    size_t n_header = cir__safetensors_header_bytes(self->tables[i_part]);
    self->tensors[i_part] = cir__safetensors_get_all(self->tables[i_part]);
    self->parts[i_part] = (cir__checkpoint_part){file, {file.data, n_header, file.name}, n_header};
    return CIR_OK;
}

static cir_status open_shards(cir__checkpoint *self, cir__source *source, cir__bytes_view index,
                              cir_error *err)
{
    self->is_sharded = true;
    cir_status status =
        cir__shard_index_parse(index, source->is_torch ? ".bin" : ".safetensors", &self->index, err);
    if (status == CIR_OK)
        status = new_parts(self, self->index.n_files, err);
    if (status == CIR_OK)
        status = cir__source_open_shards(source, self->index.files, self->index.n_files, err);
    for (size_t i = 0; i < self->n_parts && status == CIR_OK; i++)
        status = parse_part(self, i, source->is_torch, source->shards[i].file, err);
    return status == CIR_OK ? cir__shard_index_join(&self->index, self->tensors, &self->joined, err) : status;
}

cir_status cir__checkpoint_open(cir__source *source, cir__checkpoint **checkpoint_out, cir_error *err)
{
    const cir__bytes_view *weights = cir__source_find(source, CIR__FILE_WEIGHTS);
    *checkpoint_out = NULL;
    cir__checkpoint *self = cir__new(1, sizeof *self);
    if (self == NULL)
        return cir__fail_memory(err, weights->name);
    cir_status status = CIR_OK;
    if (source->is_sharded) {
        status = open_shards(self, source, *weights, err);
    } else {
        status = new_parts(self, 1, err);
        if (status == CIR_OK)
            status = parse_part(self, 0, source->is_torch, *weights, err);
    }
    if (status != CIR_OK) {
        cir__checkpoint_free(self);
        return status;
    }
    *checkpoint_out = self;
    return CIR_OK;
}

void cir__checkpoint_free(cir__checkpoint *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n_parts; i++) {
        cir__safetensors_free(self->tables[i]);
        cir__torch_file_free(self->archives[i]);
    }
    free(self->parts);
    free(self->tables);
    free(self->archives);
    free(self->tensors);
    free(self->joined.items);
    cir__shard_index_done(&self->index);
    free(self);
}

const cir__tensors *cir__checkpoint_tensors(const cir__checkpoint *self)
{
    return self->is_sharded ? &self->joined : self->tensors[0];
}

const cir__checkpoint_part *cir__checkpoint_parts(const cir__checkpoint *self, size_t *n_out)
{
    *n_out = self->n_parts;
    return self->parts;
}
