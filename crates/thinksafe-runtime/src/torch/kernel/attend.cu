// Attention of single tokens over pages of keys and values.
//
// One warp computes the query heads that share one kv head, for one sequence, over one stretch of its context; a
// second kernel joins the stretches (flash-decoding). No shared memory, no barriers.
//
// Within a warp, LP lanes read the D values of one position, sixteen bytes each, so a warp reads 32 / LP positions at
// once. Each such group of lanes keeps a running softmax of its own positions; the groups are joined at the end.
//
// The source is compiled for a GPU at run time, and as plain C++ in a test, where lanes.h makes F, I, L and B arrays of
// thirty-two. So values that differ between the lanes have these types and no branch depends on them; `select` takes
// the place of branches.
//
// Macros given at compile time: HEAD_DIM (D), GROUP (query heads of a kv head), KIND (0: f32, 1: bf16, 2: f16).

#ifdef __CUDACC_RTC__

typedef float F;
typedef int I;
typedef long long L;
typedef bool B;
#define DEVICE __device__ __forceinline__

DEVICE I lane_id() { return threadIdx.x % 32; }
DEVICE F shuffle_xor(F x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE F select(B take, F x, F y) { return take ? x : y; }
DEVICE F larger(F x, F y) { return fmaxf(x, y); }
DEVICE F power_of_two(F x) { return exp2f(x); }
DEVICE F hyperbolic_tangent(F x) { return tanhf(x); }
DEVICE L wide(I x) { return x; }
DEVICE F read_float(const float* base, I offset, B valid) { return valid ? base[offset] : 0.0f; }
DEVICE void write_float(float* base, L offset, B valid, F x) {
    if (valid) base[offset] = x;
}
DEVICE I read_int(const int* base, I offset, B valid) { return valid ? base[offset] : 0; }

#if KIND == 0
typedef float T;
#else
typedef unsigned short T;
#endif

DEVICE float widen(T x) {
#if KIND == 0
    return x;
#elif KIND == 1
    return __uint_as_float((unsigned)x << 16);
#else
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
#endif
}

DEVICE T narrowed(float x) {
#if KIND == 0
    return x;
#elif KIND == 1
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#else
    T y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
#endif
}

// Sixteen bytes, or zeros.
DEVICE void read_vector(const T* base, L offset, B valid, F* out) {
    uint4 words = make_uint4(0, 0, 0, 0);
    if (valid) words = *reinterpret_cast<const uint4*>(base + offset);
    const unsigned each[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
#if KIND == 0
        out[i] = __uint_as_float(each[i]);
#else
        out[2 * i] = widen((T)(each[i] & 0xffffu));
        out[2 * i + 1] = widen((T)(each[i] >> 16));
#endif
    }
}

DEVICE void write_value(T* base, L offset, B valid, F x) {
    if (valid) base[offset] = narrowed(x);
}

#endif  // __CUDACC_RTC__

// What the host passes, see `Call` in call.rs.
struct Call {
    const T* q;         // [rows, kv_heads * GROUP, HEAD_DIM]
    const T* keys;      // [slots, kv_heads, HEAD_DIM]
    const T* values;    // as keys
    const int* tables;  // [rows, pages]
    const int* at;      // [rows]: the position of each row's token
    T* out;             // as q
    float* parts;       // [rows, heads, splits, HEAD_DIM + 2]: sums, largest score, sum of weights
    int rows;
    int kv_heads;
    int pages;
    int splits;
    int window;         // positions seen, 0: all
    float scale;        // of the scores, times log2(e)
    float cap;          // the scores' soft cap, times log2(e); 0: none
};

constexpr int PAGE = 16;
constexpr int VECTOR = 16 / sizeof(T);
constexpr int CHUNKS = HEAD_DIM / VECTOR;

// Lanes of one position.
DEVICE constexpr int lanes_of(int chunks) {
    int lanes = 1;
    while (lanes < chunks && lanes < 32) lanes *= 2;
    return lanes;
}

constexpr int LP = lanes_of(CHUNKS);
constexpr int PER_LANE = (CHUNKS + LP - 1) / LP;
constexpr int VALUES = PER_LANE * VECTOR;
constexpr int AT_ONCE = 32 / LP;
constexpr int TILE = GROUP < 8 ? GROUP : 8;
constexpr int TILES = (GROUP + TILE - 1) / TILE;
constexpr int AHEAD = TILE * VALUES > 32 ? 1 : 2;

// Below every score, and without the trouble of subtracting infinities.
constexpr float LOWEST = -1e30f;

static_assert(HEAD_DIM % VECTOR == 0, "a head is a whole number of sixteen bytes");

// This lane's values of a head that begins at `offset`.
DEVICE void read_head(const T* base, L offset, I part, B valid, F* out) {
#pragma unroll
    for (int c = 0; c < PER_LANE; c++) {
        I chunk = part + c * LP;
        read_vector(base, offset + wide(chunk * VECTOR), valid && chunk < CHUNKS, out + c * VECTOR);
    }
}

struct Running {
    F most;
    F weight;
    F sums[VALUES];
};

DEVICE void join(Running& own, F most, F weight, const F* sums) {
    F larger_one = larger(own.most, most);
    F keep = power_of_two(own.most - larger_one);
    F add = power_of_two(most - larger_one);
    own.most = larger_one;
    own.weight = own.weight * keep + weight * add;
#pragma unroll
    for (int i = 0; i < VALUES; i++) own.sums[i] = own.sums[i] * keep + sums[i] * add;
}

DEVICE int smaller_int(int x, int y) { return x < y ? x : y; }
DEVICE int larger_int(int x, int y) { return x > y ? x : y; }

// Takes positions from `base` on into the running softmaxes.
DEVICE void take_positions(const Call& call, const int* table, int base, int end, int kv, const F (*q)[VALUES],
                           Running* running) {
    I lane = lane_id();
    I part = lane % LP;
    F keys[AHEAD][VALUES], values[AHEAD][VALUES];
    B valid[AHEAD];
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
        I position = lane / LP + (base + a * AT_ONCE);
        valid[a] = position < end;
        I slot = read_int(table, position / PAGE, valid[a]) * PAGE + position % PAGE;
        L offset = (wide(slot) * call.kv_heads + kv) * HEAD_DIM;
        read_head(call.keys, offset, part, valid[a], keys[a]);
        read_head(call.values, offset, part, valid[a], values[a]);
    }
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
#pragma unroll
        for (int g = 0; g < TILE; g++) {
            F score = q[g][0] * keys[a][0];
#pragma unroll
            for (int i = 1; i < VALUES; i++) score = score + q[g][i] * keys[a][i];
#pragma unroll
            for (int mask = LP / 2; mask > 0; mask /= 2) score = score + shuffle_xor(score, mask);
            if (call.cap > 0.0f) score = hyperbolic_tangent(score / call.cap) * call.cap;
            Running& own = running[g];
            F most = larger(own.most, select(valid[a], score, own.most));
            F keep = power_of_two(own.most - most);
            F weight = select(valid[a], power_of_two(score - most), F(0.0f));
            own.most = most;
            own.weight = own.weight * keep + weight;
#pragma unroll
            for (int i = 0; i < VALUES; i++) own.sums[i] = own.sums[i] * keep + weight * values[a][i];
        }
    }
}

// One warp's work.
DEVICE void attend_unit(const Call& call, int unit) {
    const int split = unit % call.splits;
    const int tile = unit / call.splits % TILES;
    const int kv = unit / call.splits / TILES % call.kv_heads;
    const int row = unit / call.splits / TILES / call.kv_heads;
    const int heads = call.kv_heads * GROUP;

    const int length = call.at[row] + 1;
    const int first = call.window > 0 ? larger_int(0, length - call.window) : 0;
    const int first_page = first / PAGE;
    const int pages = (length + PAGE - 1) / PAGE - first_page;
    const int stretch = (pages + call.splits - 1) / call.splits * PAGE;
    const int begin = larger_int(first, first_page * PAGE + split * stretch);
    const int end = smaller_int(length, first_page * PAGE + (split + 1) * stretch);

    I lane = lane_id();
    I part = lane % LP;
    F q[TILE][VALUES];
    Running running[TILE];
#pragma unroll
    for (int g = 0; g < TILE; g++) {
        // A tile that reaches beyond the group computes its last head again.
        const int head = kv * GROUP + smaller_int(tile * TILE + g, GROUP - 1);
        L offset = (long long)(row * heads + head) * HEAD_DIM;
        read_head(call.q, offset, part, true, q[g]);
        running[g].most = LOWEST;
        running[g].weight = 0.0f;
#pragma unroll
        for (int i = 0; i < VALUES; i++) {
            running[g].sums[i] = 0.0f;
            q[g][i] = q[g][i] * call.scale;
        }
    }
    const int* table = call.tables + (long long)row * call.pages;
    for (int base = begin; base < end; base += AT_ONCE * AHEAD) {
        take_positions(call, table, base, end, kv, q, running);
    }
#pragma unroll
    for (int g = 0; g < TILE; g++) {
        Running& own = running[g];
#pragma unroll
        for (int mask = LP; mask < 32; mask *= 2) {
            F sums[VALUES];
#pragma unroll
            for (int i = 0; i < VALUES; i++) sums[i] = shuffle_xor(own.sums[i], mask);
            join(own, shuffle_xor(own.most, mask), shuffle_xor(own.weight, mask), sums);
        }
        if (tile * TILE + g >= GROUP) continue;
        const long long head = (long long)row * heads + kv * GROUP + tile * TILE + g;
        const long long place = head * call.splits + split;
        B writes = lane < LP;
#pragma unroll
        for (int i = 0; i < VALUES; i++) {
            I chunk = part + i / VECTOR * LP;
            B valid = writes && chunk < CHUNKS;
            L d = wide(chunk * VECTOR + i % VECTOR);
            if (call.splits == 1) {
                write_value(call.out, d + head * HEAD_DIM, valid, own.sums[i] / own.weight);
            } else {
                write_float(call.parts, d + place * (HEAD_DIM + 2), valid, own.sums[i]);
            }
        }
        if (call.splits > 1) {
            L end_of_sums = place * (HEAD_DIM + 2) + HEAD_DIM;
            write_float(call.parts, end_of_sums, lane == 0, own.most);
            write_float(call.parts, end_of_sums + 1, lane == 0, own.weight);
        }
    }
}

// One warp: joins the stretches of one query head.
DEVICE void join_unit(const Call& call, int unit) {
    const int stride = HEAD_DIM + 2;
    const float* parts = call.parts + (long long)unit * call.splits * stride;
    float most = LOWEST;
    for (int s = 0; s < call.splits; s++) {
        float other = parts[s * stride + HEAD_DIM];
        most = other > most ? other : most;
    }
    I lane = lane_id();
    for (int first = 0; first < HEAD_DIM; first += 32) {
        I d = lane + first;
        B valid = d < HEAD_DIM;
        F sum = 0.0f;
        F weight = 0.0f;
        for (int s = 0; s < call.splits; s++) {
            const float* own = parts + s * stride;
            F share = power_of_two(F(own[HEAD_DIM] - most));
            weight = weight + share * own[HEAD_DIM + 1];
            sum = sum + share * read_float(own, d, valid);
        }
        write_value(call.out, wide(d) + (long long)unit * HEAD_DIM, valid, sum / weight);
    }
}

#ifdef __CUDACC_RTC__

extern "C" __global__ void __launch_bounds__(128) attend(Call call) {
    const int unit = blockIdx.x * 4 + threadIdx.x / 32;
    if (unit < call.rows * call.kv_heads * TILES * call.splits) attend_unit(call, unit);
}

extern "C" __global__ void __launch_bounds__(128) join_splits(Call call) {
    const int unit = blockIdx.x * 4 + threadIdx.x / 32;
    if (unit < call.rows * call.kv_heads * GROUP) join_unit(call, unit);
}

#endif
