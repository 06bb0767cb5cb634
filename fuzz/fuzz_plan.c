/* Plans of curation: any bytes are a plan or an error, and what is a plan has what it promises. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "curate/plan/plan_file.h"
#include "curate/plan/wording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cir__plan plan;
    cir_error err;
    if (cir__plan_parse((cir__bytes_view){data, size, "plan.csv"}, &plan, &err) == CIR_OK) {
        assert(plan.n_instances > 0);
        for (size_t i = 0; i < plan.n_instances; i++) {
            const cir__plan_instance *instance = &plan.instances[i];
            assert(instance->name != NULL && instance->name[0] != '\0' && instance->n_changes > 0);
            assert(strchr(instance->key, '/') == NULL && instance->key[0] != '.');
            for (size_t s = 0; s < instance->n_seeds; s++) {
                char *folded = cir__wording_fold(instance->seeds[s].text);
                assert(folded != NULL && folded[0] == ' ');
                free(folded);
            }
        }
    }
    cir__plan_done(&plan);
    return 0;
}
