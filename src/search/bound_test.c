/* Upper bounds of fused scores against dense samples of the boxes, fused as the search does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "search/bound.h"
#include "search/fusion.h"

enum { GRID = 17, N_BOXES = 300, N_POINTS = GRID * GRID };

typedef struct boxes {
    float v[N_BOXES], v_error[N_BOXES], t[N_BOXES], t_error[N_BOXES];
} boxes;

static float random_float(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 40) * 0x1p-23f - 1;
}

/* Every fusion that is allowed, clamped and not. */
static size_t list_fusions(cir_fusion *out)
{
    static const float lambdas[] = {0, 0.1f, 0.25f, 0.5f, 3, 1e-8f, -0.1f, -0.25f, -2};
    static const float weights[] = {0, 0.25f, 0.5f, 0.8f, 1};
    size_t n = 0;
    for (int clamp = 0; clamp < 2; clamp++) {
        out[n++] = (cir_fusion){.kind = CIR_FUSION_IMAGE, .clamp = clamp};
        out[n++] = (cir_fusion){.kind = CIR_FUSION_TEXT, .clamp = clamp};
        for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
            out[n++] = (cir_fusion){.kind = CIR_FUSION_SUM, .clamp = clamp, .weight = weights[i]};
            out[n++] = (cir_fusion){.kind = CIR_FUSION_GAUSS, .clamp = clamp, .weight = weights[i]};
            if (clamp || weights[i] == 0.5f)
                out[n++] = (cir_fusion){.kind = CIR_FUSION_PRODUCT, .clamp = clamp, .weight = weights[i]};
        }
        for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; i++)
            out[n++] = (cir_fusion){.kind = CIR_FUSION_HARRIS, .clamp = clamp, .lambda = lambdas[i]};
    }
    return n;
}

/* Boxes of all sizes: far from the axes, across one or both of them, points, lines. */
static void boxes_make(uint64_t *random, boxes *out)
{
    for (size_t i = 0; i < N_BOXES; i++) {
        const float scale = i % 3 == 0 ? 1 : i % 3 == 1 ? 4 : 0.05f, most = scale / (i % 7 == 0 ? 1 : 8);
        out->v[i] = scale * random_float(random);
        out->t[i] = i % 13 == 0 ? out->v[i] : scale * random_float(random); /* the ridge of λ = ¼ */
        out->v_error[i] = i % 5 == 0 ? 0 : most * (1 + random_float(random));
        out->t_error[i] = i % 11 == 0 ? 0 : most * (1 + random_float(random));
        if (i % 17 == 0) /* at the origin */
            out->v[i] = out->v_error[i];
    }
}

/* Number i of a grid from low to high, kept inside where floats round out. */
static float grid_point(double low, double high, int i)
{
    const float x = (float)(low + (high - low) * i / (GRID - 1));
    return (double)x > high ? nextafterf(x, -INFINITY) : (double)x < low ? nextafterf(x, INFINITY) : x;
}

/* The largest fused score on a grid over box b, its corners and, where it is inside, the origin among
 * them. */
static float sampled_high(const cir_fusion *fusion, const boxes *of, size_t b)
{
    const double v_low = (double)of->v[b] - (double)of->v_error[b],
                 v_high = (double)of->v[b] + (double)of->v_error[b];
    const double t_low = (double)of->t[b] - (double)of->t_error[b],
                 t_high = (double)of->t[b] + (double)of->t_error[b];
    float v[N_POINTS + 1] = {0}, t[N_POINTS + 1] = {0}, scores[N_POINTS + 1], high = -INFINITY;
    const bool has_origin = v_low <= 0 && v_high >= 0 && t_low <= 0 && t_high >= 0;

    for (int i = 0; i < N_POINTS; i++) {
        v[i] = grid_point(v_low, v_high, i / GRID);
        t[i] = grid_point(t_low, t_high, i % GRID);
    }
    cir__fusion_apply(fusion, N_POINTS + 1, v, t, scores);
    for (int i = 0; i < N_POINTS + has_origin; i++)
        high = fmaxf(high, scores[i]);
    return high;
}

/* How far the largest value may be above the grid's: vertices of parabolas lie between its points, where they
 * are off by at most an eighth of their curvature times the square of the distance; and rounding. */
static double tolerance_of(const cir_fusion *fusion, const boxes *of, size_t b)
{
    const double lambda = fabs((double)fusion->lambda);
    const double step = 2 * fmax((double)of->v_error[b], (double)of->t_error[b]) / (GRID - 1);
    const double size =
        fabs((double)of->v[b]) + (double)of->v_error[b] + fabs((double)of->t[b]) + (double)of->t_error[b];
    const double bend = fusion->kind == CIR_FUSION_HARRIS ? (1 + 2 * lambda) * step * step / 4 : 0;
    const double cell = fusion->kind == CIR_FUSION_GAUSS ? 0.4 * 16 / CIR__BOUND_CELLS : 0;
    return bend + cell + 0x1p-17 * (1 + lambda) * fmax(size, size * size);
}

static void test_no_point_of_the_box_is_above(void **state)
{
    (void)state;
    static const float thresholds[] = {-INFINITY, -1, 0, 0.02f, 2};
    static boxes of;
    static cir__bound bound;
    float bounds[N_BOXES];
    cir_fusion fusions[128];
    const size_t n_fusions = list_fusions(fusions);
    uint64_t random = 7;
    size_t n_near = 0;

    for (size_t f = 0; f < n_fusions; f++) {
        const cir_fusion *const fusion = &fusions[f];
        cir__bound_init(&bound, fusion);
        for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
            boxes_make(&random, &of);
            cir__bound_many(&bound, N_BOXES, of.v, of.v_error, of.t, of.t_error, thresholds[i], bounds);
            for (size_t b = 0; b < N_BOXES; b++) {
                const float high = sampled_high(fusion, &of, b);
                if (high >= thresholds[i] && !(bounds[b] >= high))
                    fail_msg("fusion %zu (kind %d, lambda %g), box %zu: the bound is %.9g, a point has %.9g",
                             f, (int)fusion->kind, (double)fusion->lambda, b, (double)bounds[b],
                             (double)high);
                /* And it is no higher than it has to be where it matters. */
                const double most = fmax((double)high, (double)thresholds[i]);
                if ((double)bounds[b] > most + tolerance_of(fusion, &of, b))
                    fail_msg("fusion %zu (kind %d, lambda %g), box %zu: the bound is %.9g, the points have "
                             "%.9g at most",
                             f, (int)fusion->kind, (double)fusion->lambda, b, (double)bounds[b],
                             (double)high);
                n_near += bounds[b] >= thresholds[i];
            }
        }
    }
    assert_true(n_near > n_fusions * N_BOXES);
}

/* An estimate that is no number rules nothing out, whatever the fusion. */
static void test_no_number_has_no_bound(void **state)
{
    (void)state;
    static cir__bound bound;
    cir_fusion fusions[128];
    const size_t n_fusions = list_fusions(fusions);
    const float odd[] = {NAN, INFINITY, -INFINITY};

    for (size_t f = 0; f < n_fusions; f++)
        for (int i = 0; i < 3; i++)
            for (int place = 0; place < 4; place++) {
                float rows[4] = {0.5f, 0.1f, 0.5f, 0.1f}, bounds[1];
                rows[place] = odd[i];
                cir__bound_init(&bound, &fusions[f]);
                cir__bound_many(&bound, 1, &rows[0], &rows[1], &rows[2], &rows[3], 1e30f, bounds);
                assert_true(isnan(bounds[0]));
            }
}

/* Errors that lie in an ellipse, and the bound over it. */
static void test_both_errors_together(void **state)
{
    (void)state;
    static const float correlations[] = {-0.9f, 0, 0.4f, 1};
    enum { N_ANGLES = 64 };
    static boxes of;
    static cir__bound bound;
    float bounds[N_BOXES], lowered[N_BOXES];
    cir_fusion fusions[128];
    const size_t n_fusions = list_fusions(fusions);
    uint64_t random = 13;
    size_t n_lowered = 0;

    for (size_t f = 0; f < n_fusions; f++)
        for (size_t c = 0; c < sizeof correlations / sizeof *correlations; c++) {
            const cir_fusion *const fusion = &fusions[f];
            const double along = (double)correlations[c], across = sqrt(1 - along * along);
            boxes_make(&random, &of);
            cir__bound_init(&bound, fusion);
            cir__bound_many(&bound, N_BOXES, of.v, of.v_error, of.t, of.t_error, -INFINITY, bounds);
            for (size_t b = 0; b < N_BOXES; b++)
                lowered[b] = bounds[b];
            cir__bound_jointly(&bound, correlations[c], N_BOXES, of.v, of.v_error, of.t, of.t_error, lowered);
            for (size_t b = 0; b < N_BOXES; b++) {
                float v[N_ANGLES], t[N_ANGLES], scores[N_ANGLES], high = -INFINITY;
                for (int i = 0; i < N_ANGLES; i++) { /* the ellipse itself: nothing inside is larger */
                    const double x = cos(i * 6.283185307 / N_ANGLES), y = sin(i * 6.283185307 / N_ANGLES);
                    v[i] = (float)((double)of.v[b] + x * (double)of.v_error[b]);
                    t[i] = (float)((double)of.t[b] + (along * x + across * y) * (double)of.t_error[b]);
                }
                cir__fusion_apply(fusion, N_ANGLES, v, t, scores);
                for (int i = 0; i < N_ANGLES; i++)
                    high = fmaxf(high, scores[i]);
                assert_true(lowered[b] >= high - 1e-6f * fabsf(high) && lowered[b] <= bounds[b]);
                n_lowered += lowered[b] < bounds[b];
            }
        }
    assert_true(n_lowered > 1000);
    float rows[4] = {2, 0.1f, NAN, 0.1f}, kept = NAN; /* no number keeps its bound */
    bound.fusion = (cir_fusion){.kind = CIR_FUSION_HARRIS, .lambda = 0.1f};
    cir__bound_jointly(&bound, 0, 1, &rows[0], &rows[1], &rows[2], &rows[3], &kept);
    assert_true(isnan(kept));
}

/* Drops no row that has a point at the threshold or above, or that the bounds keep, whatever the
 * instruction set; and most of the others. */
static void test_the_quick_mask(void **state)
{
    (void)state;
    static const float thresholds[] = {-1, -0.1f, 0.001f, 0.02f, 0.3f, 2}, correlations[] = {-0.9f, 0, 0.4f};
    enum { N_BLOCKS = N_BOXES / CIR__CODE_ROWS };
    static boxes of;
    static cir__bound bound;
    float bounds[N_BOXES];
    cir_fusion fusions[128];
    cir__code_limit limit;
    const size_t n_fusions = list_fusions(fusions), n_thresholds = sizeof thresholds / sizeof *thresholds;
    uint64_t random = 19, mask = 0;
    size_t n_limits = 0, n_dropped = 0, n_in_vain = 0;

    for (size_t i = 0; i < n_fusions * n_thresholds * 4; i++) {
        const cir_fusion *const fusion = &fusions[i / n_thresholds / 4];
        const float threshold = thresholds[i / 4 % n_thresholds];
        const bool is_joint = i % 4 != 3; /* with one of three correlations */
        const float correlation = is_joint ? correlations[i % 4] : 0;
        boxes_make(&random, &of);
        cir__bound_init(&bound, fusion);
        if (!cir__bound_limit(&bound, is_joint, correlation, threshold, &limit))
            continue;
        n_limits++;
        cir__bound_many(&bound, N_BOXES, of.v, of.v_error, of.t, of.t_error, threshold, bounds);
        if (is_joint)
            cir__bound_jointly(&bound, correlation, N_BOXES, of.v, of.v_error, of.t, of.t_error, bounds);
        for (cir__level level = CIR__SCALAR; level < CIR__N_LEVELS; level++)
            for (size_t b = 0; b < N_BLOCKS * CIR__CODE_ROWS && cir__kernels_at(level) != NULL; b++) {
                if (b % CIR__CODE_ROWS == 0)
                    mask = cir__kernels_at(level)->code_mask(&limit, of.v + b, of.v_error + b, of.t + b,
                                                             of.t_error + b, threshold);
                const bool passes = (mask >> b % CIR__CODE_ROWS & 1) != 0;
                if (!passes && bounds[b] >= threshold)
                    fail_msg("kind %d, lambda %g, level %d: a row of bound %.9g is dropped at %.9g",
                             (int)fusion->kind, (double)fusion->lambda, (int)level, (double)bounds[b],
                             (double)threshold);
                if (!passes && !is_joint && level == CIR__SCALAR && b % 5 == 0)
                    assert_true(sampled_high(fusion, &of, b) < threshold);
                n_dropped += !passes;
                n_in_vain += passes && bounds[b] < threshold;
            }
    }
    assert_true(n_limits > n_fusions && n_in_vain < n_dropped / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_point_of_the_box_is_above),
        cmocka_unit_test(test_no_number_has_no_bound),
        cmocka_unit_test(test_both_errors_together),
        cmocka_unit_test(test_the_quick_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
