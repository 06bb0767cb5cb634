/* libcir: composed image retrieval. Point at a photo, say how it should differ, get the photos of that very
 * thing.
 *
 * In order of the data: image.h (files → pixels), decoder.h (by whom, and with how much memory), model.h
 * (pixels, texts → features), index.h (features kept), search.h (linear queries → best rows), method.h (photo
 * + words → linear query), collection.h (all of these in one call: begin there). status.h holds the errors, version.h
 * the version, pool.h the threads, mapping.h what to do
 * about files that shrink.
 *
 * Not included, as they are another library, libcir-eval (see eval.h): eval.h (methods measured), experiment.h (the
 * paper's experiments), synthetic.h (synthetic indexes), curate.h (data sets of one's own).
 *
 * The library is a guest in its host's process: it changes no umask, signal handler, locale, folder, rounding
 * or environment, prints nothing, and does not exit. What libraries that it uses have one of for the process,
 * and what of that is touched, is told in image.h (libvips, GLib's log), pool.h (threads, OpenBLAS) and
 * index.h (SQLite). */
#ifndef CIR_CIR_H
#define CIR_CIR_H

#include "cir/collection.h"
#include "cir/decoder.h"
#include "cir/image.h"
#include "cir/index.h"
#include "cir/mapping.h"
#include "cir/method.h"
#include "cir/model.h"
#include "cir/pool.h"
#include "cir/search.h"
#include "cir/status.h"
#include "cir/version.h"

#endif
