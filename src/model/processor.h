/* What measurements and packed weights depend on beside the weights. */
#ifndef CIR_MODEL_PROCESSOR_H
#define CIR_MODEL_PROCESSOR_H

enum { CIR__PROCESSOR_TEXT_SIZE = 256 };

/* The processor, what oneDNN may use of it, and oneDNN's version. One line. */
void cir__processor_describe(char text_out[CIR__PROCESSOR_TEXT_SIZE]);

#endif
