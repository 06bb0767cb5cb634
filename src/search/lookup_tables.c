#include "search/lookup_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/kernels.h"

/* Components of a group, and the patterns of their signs. */
#define GROUP 4
#define N_PATTERNS 16

double cir__lookup_deviations(double recall)
{
    double low = 0, high = CIR__LOOKUP_EXACT;

    /* The normal distribution function grows: halving finds its argument to the last bit or so. */
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (0.5 * erfc(middle * -0.70710678118654752440) < recall)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* What a group adds for each pattern of signs: bit i set means +rotated[i]. */
static void group_sums(const float *rotated, float sums[N_PATTERNS])
{
    for (size_t pattern = 0; pattern < N_PATTERNS; pattern++) {
        sums[pattern] = 0;
        for (size_t i = 0; i < GROUP; i++)
            sums[pattern] += (pattern >> i & 1) != 0 ? rotated[i] : -rotated[i];
    }
}

/* Rounds a branch's sums to whole numbers of steps above each group's least, which is −Σ|rotated| of it.
 * *worst_out: the largest error that all groups' rounding can add up to. */
static void tables_fill(const float *rotated, size_t n_groups, size_t n_branches, uint8_t *tables,
                        cir__lookup_branch *branch, double *worst_out)
{
    float sums[N_PATTERNS], widest = 0;
    double bottom = 0, worst = 0;

    for (size_t g = 0; g < n_groups; g++) {
        float half_width = 0;
        for (size_t i = 0; i < GROUP; i++)
            half_width += fabsf(rotated[GROUP * g + i]);
        widest = fmaxf(widest, 2 * half_width);
    }
    const float step = widest / CIR__CODE_LEVELS;
    for (size_t g = 0; g < n_groups; g++) {
        float least = 0;
        double group_worst = 0;
        for (size_t i = 0; i < GROUP; i++)
            least -= fabsf(rotated[GROUP * g + i]);
        group_sums(rotated + GROUP * g, sums);
        for (size_t pattern = 0; pattern < N_PATTERNS; pattern++) {
            const float level = step > 0 ? rintf((sums[pattern] - least) / step) : 0;
            const float kept = level < 0 ? 0 : level > CIR__CODE_LEVELS ? CIR__CODE_LEVELS : level;
            tables[g * n_branches * N_PATTERNS + pattern] = (uint8_t)kept;
            group_worst =
                fmax(group_worst, fabs((double)least + (double)kept * (double)step - (double)sums[pattern]));
        }
        bottom += (double)least;
        worst += group_worst;
    }
    branch->step = step;
    branch->bottom = (float)bottom;
    *worst_out = worst;
}

static double norm(const float *vector, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sqrt(sum);
}

static float cosine(const float *x, const float *y, size_t n)
{
    const double lengths = norm(x, n) * norm(y, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return lengths > 0 ? (float)(sum / lengths) : 1;
}

/* rotated: [code_dim] scratch. */
static void branch_fill(const cir__coder *coder, const float *weights, float offset, double deviations,
                        size_t n_branches, float *rotated, uint8_t *tables, cir__lookup_branch *branch)
{
    const size_t dim = cir__coder_dim(coder), code_dim = cir__coder_code_dim(coder);
    const float *const centre = cir__coder_centre(coder);
    const double length = norm(weights, dim), root = sqrt((double)code_dim);
    double base = (double)offset, sum_of_sizes = 0, worst;

    cir__coder_rotate(coder, weights, rotated);
    tables_fill(rotated, code_dim / GROUP, n_branches, tables, branch, &worst);
    for (size_t i = 0; i < dim; i++)
        base += (double)weights[i] * (double)centre[i];
    for (size_t i = 0; i < code_dim; i++)
        sum_of_sizes += fabs((double)rotated[i]);
    const double rounded = deviations < CIR__LOOKUP_EXACT
                               ? deviations * (double)branch->step * sqrt((double)code_dim / GROUP / 12)
                               : worst;
    /* Partial sums of a sixteenth of the products each (kernels.h), and some more to join them. ‖x − c‖ is at
     * most √code_dim · factor. */
    const double of_exact = ((double)dim / 16 + 16) * 0x1p-24;
    branch->base = (float)base;
    branch->error_scale = (float)(deviations * length);
    /* A half's rounding is 2⁻¹¹ of the factor or, of the smallest, 2⁻²⁵; the rotation's is a few of its
     * floats'. */
    branch->rounding = (float)(rounded + 0x1p-11 * sum_of_sizes + (0x1p-18 + of_exact) * root * length);
    branch->margin = (float)(of_exact * (length * norm(centre, dim) + fabs((double)offset)) +
                             0x1p-25 * sum_of_sizes + 0x1p-22 * fabs(base));
}

cir_status cir__lookup_tables_init(cir__lookup_tables *lookup, const cir__coder *coder,
                                   const cir_query *query, double deviations, cir_error *err)
{
    const size_t code_dim = cir__coder_code_dim(coder);
    const bool reads_image = query->fusion.kind != CIR_FUSION_TEXT;
    const bool reads_text = query->fusion.kind != CIR_FUSION_IMAGE;

    *lookup = (cir__lookup_tables){.query = query, .n_groups = code_dim / GROUP};
    lookup->n_branches = (size_t)reads_image + (size_t)reads_text;
    cir__bound_init(&lookup->bound, &query->fusion);
    lookup->tables = cir__new_unset(lookup->n_groups, lookup->n_branches * N_PATTERNS);
    float *const rotated = cir__new_unset(code_dim, sizeof *rotated);
    if (lookup->tables == NULL || rotated == NULL) {
        free(rotated);
        return cir__fail_memory(err, "search");
    }
    if (reads_image)
        branch_fill(coder, query->a, query->a0, deviations, lookup->n_branches, rotated, lookup->tables,
                    &lookup->branches[0]);
    if (reads_text)
        branch_fill(coder, query->b, query->b0, deviations, lookup->n_branches, rotated,
                    lookup->tables + (lookup->n_branches - 1) * N_PATTERNS,
                    &lookup->branches[lookup->n_branches - 1]);
    free(rotated);
    lookup->is_joint = reads_image && reads_text && deviations < CIR__LOOKUP_EXACT;
    if (lookup->is_joint)
        lookup->correlation = cosine(query->a, query->b, query->dim);
    return CIR_OK;
}

void cir__lookup_tables_done(cir__lookup_tables *lookup)
{
    free(lookup->tables);
    memset(lookup, 0, sizeof *lookup);
}
