#include "cli/models/precision_text.h"

#include <stdio.h>

void cir__precision_print(const cir_precision_choice *choice)
{
    printf("precision    %s by default: %s\n", cir_precision_name(choice->chosen), choice->reason);
    if (!(choice->facts[0].gops > 0))
        return;
    printf("rates       ");
    for (size_t i = 0; i < CIR_N_PRECISIONS; i++)
        if (choice->facts[i].gops > 0)
            printf(" %s %.0f%s", cir_precision_name(choice->facts[i].precision), choice->facts[i].gops,
                   i + 1 < CIR_N_PRECISIONS ? "," : "");
    printf(" Gop/s of one thread\n");
}

json_t *cir__precision_json(const cir_precision_choice *choice)
{
    json_t *facts = json_array();
    for (size_t i = 0; i < CIR_N_PRECISIONS; i++) {
        const cir_precision_facts *one = &choice->facts[i];
        json_t *item = json_pack("{s:s, s:b}", "precision", cir_precision_name(one->precision), "supported",
                                 one->is_supported);
        if (one->gops > 0)
            json_object_set_new(item, "gops", json_real(one->gops));
        if (one->is_compared)
            json_object_set_new(
                item, "least_cosine",
                json_real(one->worst_image < one->worst_text ? one->worst_image : one->worst_text));
        json_array_append_new(facts, item);
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:o}", "asked", cir_precision_name(choice->asked), "chosen",
                     cir_precision_name(choice->chosen), "least_cosine",
                     choice->least_cosine > 0 ? json_real(choice->least_cosine) : json_null(), "reason",
                     choice->reason, "precisions", facts);
}
