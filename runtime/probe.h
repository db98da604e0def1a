/* SPDX-License-Identifier: MIT */
/* probe.h - places in the runtime where bpftrace, perf, SystemTap or gdb can attach to a process that is already running.
 *
 * A probe is one NOP in the code and a note in the file (readelf -n) that says where it is and in which registers or memory
 * its arguments lie. Nothing is tested or called while nobody has attached; an attached tool puts a trap in the NOP's
 * place. docs/attach.md lists the probes. What it costs is what its arguments cost: they have to be somewhere at that point,
 * so a caller names values that it has at hand, and computes none for the probe's sake.
 *
 * FILCH_PROBES is set by the build where <sys/sdt.h> is there and nobody has said -DFILCH_PROBES=OFF; the model checker's
 * build knows nothing of it. */
#ifndef FILCH_PROBE_H
#define FILCH_PROBE_H

#if defined(FILCH_PROBES) && !defined(FILCH_MODEL)

#include <sys/sdt.h>

#define FILCH__PROBE0(name) STAP_PROBE(filch, name)
#define FILCH__PROBE1(name, a) STAP_PROBE1(filch, name, a)
#define FILCH__PROBE2(name, a, b) STAP_PROBE2(filch, name, a, b)
#define FILCH__PROBE3(name, a, b, c) STAP_PROBE3(filch, name, a, b, c)
#define FILCH__PROBE4(name, a, b, c, d) STAP_PROBE4(filch, name, a, b, c, d)

#else

/* The arguments count as used, and are not evaluated. */
#define filch__probe_unused(a, b, c, d)                                                                                \
    do {                                                                                                               \
        if (0) {                                                                                                       \
            (void)(a);                                                                                                 \
            (void)(b);                                                                                                 \
            (void)(c);                                                                                                 \
            (void)(d);                                                                                                 \
        }                                                                                                              \
    } while (0)
#define FILCH__PROBE0(name) filch__probe_unused(0, 0, 0, 0)
#define FILCH__PROBE1(name, a) filch__probe_unused(a, 0, 0, 0)
#define FILCH__PROBE2(name, a, b) filch__probe_unused(a, b, 0, 0)
#define FILCH__PROBE3(name, a, b, c) filch__probe_unused(a, b, c, 0)
#define FILCH__PROBE4(name, a, b, c, d) filch__probe_unused(a, b, c, d)

#endif

#endif
