#include "index/synthetic/synthetic_rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/kernels.h"

enum { N_MIXINGS = 12, N_LANES = 8, N_CENTRE = 2, N_OWN = 4 };

/* Rows of one cluster, in the mean. */
#define CLUSTER_ROWS 100

#define MEAN_LENGTH 0.6f
#define PARTS_LENGTH 0.8f

struct cir__synthetic_rows {
    size_t dim;
    size_t n_clusters;
    uint64_t row_seed, cluster_seed;
    float *mean;  /* [dim] */
    float *parts; /* [CIR__SYNTHETIC_PARTS, dim] */
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Where the sequence of item i of a seed begins. */
static uint64_t start(uint64_t seed, size_t i)
{
    uint64_t state = seed ^ ((uint64_t)i * 0xd1342543de82ef95u);
    return next(&state);
}

/* Close to normal, with mean 0 and variance 1: the sum of twelve even numbers. */
static float draw(uint64_t *state)
{
    int sum = 0;
    for (int i = 0; i < 3; i++)
        for (uint64_t bits = next(state), n = 0; n < 4; n++, bits >>= 16)
            sum += (int)(bits & 0xffff) - 0x8000;
    return (float)sum * 0x1p-16f;
}

/* Turns all rows alike: in every round each dimension is turned by 45° against another. */
static void mix(uint64_t seed, size_t dim, size_t *order, float *rows, size_t n_rows)
{
    const float root = sqrtf(0.5f);
    for (size_t i = 0; i < dim; i++)
        order[i] = i;
    uint64_t state = seed;
    for (size_t round = 0; round < N_MIXINGS; round++) {
        for (size_t i = dim - 1; i > 0; i--) { /* Fisher and Yates' shuffle */
            const size_t j = next(&state) % (i + 1), kept = order[i];
            order[i] = order[j];
            order[j] = kept;
        }
        for (size_t r = 0; r < n_rows; r++) {
            float *const row = rows + r * dim;
            for (size_t i = 0; i + 1 < dim; i += 2) {
                const float x = row[order[i]], y = row[order[i + 1]];
                row[order[i]] = root * (x + y);
                row[order[i + 1]] = root * (x - y);
            }
        }
    }
}

/* Sums of squares in N_LANES lanes, so that compilers may use vectors and the bits stay the same. */
static float length(const float *row, size_t dim)
{
    float sums[N_LANES] = {0};
    size_t i = 0;
    for (; i + N_LANES <= dim; i += N_LANES)
        for (size_t l = 0; l < N_LANES; l++)
            sums[l] += row[i + l] * row[i + l];
    for (; i < dim; i++)
        sums[0] += row[i] * row[i];
    for (size_t l = 1; l < N_LANES; l++)
        sums[0] += sums[l];
    return sqrtf(sums[0]);
}

static void scale(float *row, size_t dim, float factor)
{
    for (size_t i = 0; i < dim; i++)
        row[i] *= factor;
}

cir_status cir__synthetic_rows_new(size_t n_rows, size_t dim, uint64_t seed, cir__synthetic_rows **made_out,
                                   cir_error *err)
{
    *made_out = NULL;
    cir__synthetic_rows *made = cir__new(1, sizeof *made);
    size_t *order = cir__new(dim, sizeof *order);
    size_t n_items;
    if (made != NULL && cir__size_mul(CIR__SYNTHETIC_PARTS + 1, dim, &n_items))
        made->mean = cir__new(n_items, sizeof *made->mean);
    if (order == NULL || made == NULL || made->mean == NULL) {
        free(order);
        cir__synthetic_rows_free(made);
        return cir__fail_memory(err, "synthetic features");
    }
    uint64_t state = seed;
    made->dim = dim;
    made->n_clusters = n_rows / CLUSTER_ROWS + 1;
    made->row_seed = next(&state);
    made->cluster_seed = next(&state);
    made->parts = made->mean + dim;
    float sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += 1 / (float)(i + 1);
    for (size_t r = 0; r < CIR__SYNTHETIC_PARTS; r++)
        for (size_t i = 0; i < dim; i++)
            made->parts[r * dim + i] = draw(&state) / sqrtf((float)(i + 1) * sum);
    mix(next(&state), dim, order, made->parts, CIR__SYNTHETIC_PARTS);
    for (size_t i = 0; i < dim; i++)
        made->mean[i] = draw(&state);
    scale(made->mean, dim, MEAN_LENGTH / length(made->mean, dim));
    free(order);
    *made_out = made;
    return CIR_OK;
}

void cir__synthetic_rows_free(cir__synthetic_rows *made)
{
    if (made == NULL)
        return;
    free(made->mean);
    free(made);
}

/* The parts that a number names: ends_out [n] and their signs. */
static void choose(const cir__synthetic_rows *made, uint64_t bits, size_t n, const float **parts_out,
                   float *signs_out)
{
    for (size_t i = 0; i < n; i++) {
        parts_out[i] = made->parts + bits % CIR__SYNTHETIC_PARTS * made->dim;
        bits /= CIR__SYNTHETIC_PARTS;
        signs_out[i] = bits % 2 == 0 ? 1 : -1;
        bits /= 2;
    }
}

void cir__synthetic_rows_get(const cir__synthetic_rows *made, size_t i, float *scratch, uint16_t *row_out)
{
    const size_t dim = made->dim;
    uint64_t state = start(made->row_seed, i);
    const double u = (double)(next(&state) >> 11) * 0x1p-53;
    uint64_t cluster = start(made->cluster_seed, (size_t)((double)made->n_clusters * u * u));
    const float *c[N_CENTRE], *w[N_OWN];
    float c_signs[N_CENTRE], w_signs[N_OWN];
    choose(made, next(&cluster), N_CENTRE, c, c_signs);
    choose(made, next(&state), N_OWN, w, w_signs);
    for (int j = 0; j < N_CENTRE; j++)
        c_signs[j] *= PARTS_LENGTH * 0.5f; /* √½ / √2 */
    for (int j = 0; j < N_OWN; j++)
        w_signs[j] *= PARTS_LENGTH * sqrtf(0.125f); /* √½ / √4 */
    for (size_t d = 0; d < dim; d++)
        scratch[d] =
            made->mean[d] + (c_signs[0] * c[0][d] + c_signs[1] * c[1][d]) +
            ((w_signs[0] * w[0][d] + w_signs[1] * w[1][d]) + (w_signs[2] * w[2][d] + w_signs[3] * w[3][d]));
    scale(scratch, dim, 1 / length(scratch, dim));
    cir__kernels_get()->half_from_float(scratch, dim, row_out);
}

void cir__synthetic_rows_centre(const cir__synthetic_rows *made, size_t i, float *centre_out)
{
    uint64_t cluster = start(made->cluster_seed, i);
    const float *c[N_CENTRE];
    float signs[N_CENTRE];
    choose(made, next(&cluster), N_CENTRE, c, signs);
    for (size_t d = 0; d < made->dim; d++)
        centre_out[d] = sqrtf(0.5f) * (signs[0] * c[0][d] + signs[1] * c[1][d]);
}
