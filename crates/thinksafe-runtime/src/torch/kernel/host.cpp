// The kernels as functions of the processor, one unit after the other. For tests.

#include "lanes.h"

#include "attend.cu"

extern "C" void attend(const Call* call) {
    const int units = call->rows * call->kv_heads * TILES * call->splits;
    for (int unit = 0; unit < units; unit++) attend_unit(*call, unit);
}

extern "C" void join_splits(const Call* call) {
    const int units = call->rows * call->kv_heads * GROUP;
    for (int unit = 0; unit < units; unit++) join_unit(*call, unit);
}
