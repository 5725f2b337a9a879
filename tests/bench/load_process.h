/* load_process.h - what other processes, and the machine, have used. */
#ifndef KDM_BENCH_LOAD_PROCESS_H
#define KDM_BENCH_LOAD_PROCESS_H

/* CPU seconds of a process since it began: all threads, also those that have ended, to the
 * nanosecond (its CPU clock; /proc/PID/stat counts in steps of 10 ms). 0 when it is gone. */
double process_cpu(int pid);

long process_rss_kb(int pid);

/* CPU seconds that all programs of the machine have used. */
double machine_cpu(void);

#endif
