// What attend.cu needs where there is no GPU: a warp is an array of thirty-two lanes, and every operation on it a loop.
// For the test that compares the kernel's arithmetic with libtorch's.

#include <cmath>
#include <cstring>

#define DEVICE static inline

template <class V>
struct Lanes {
    V lane[32];

    Lanes() = default;
    Lanes(V value) {
        for (V& x : lane) x = value;
    }

    template <class Op>
    static auto each(const Lanes& x, const Lanes& y, Op op) {
        Lanes<decltype(op(x.lane[0], y.lane[0]))> z;
        for (int i = 0; i < 32; i++) z.lane[i] = op(x.lane[i], y.lane[i]);
        return z;
    }

    friend Lanes operator+(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return V(a + b); }); }
    friend Lanes operator-(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return V(a - b); }); }
    friend Lanes operator*(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return V(a * b); }); }
    friend Lanes operator/(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return V(a / b); }); }
    friend auto operator<(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return a < b; }); }
    friend auto operator==(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return a == b; }); }
    friend auto operator&&(const Lanes& x, const Lanes& y) { return each(x, y, [](V a, V b) { return a && b; }); }
};

typedef Lanes<float> F;
typedef Lanes<int> I;
typedef Lanes<long long> L;
typedef Lanes<bool> B;

DEVICE I operator%(const I& x, int y) {
    I z;
    for (int i = 0; i < 32; i++) z.lane[i] = x.lane[i] % y;
    return z;
}

DEVICE I lane_id() {
    I id;
    for (int i = 0; i < 32; i++) id.lane[i] = i;
    return id;
}

DEVICE F shuffle_xor(const F& x, int mask) {
    F y;
    for (int i = 0; i < 32; i++) y.lane[i] = x.lane[i ^ mask];
    return y;
}

DEVICE F select(const B& take, const F& x, const F& y) {
    F z;
    for (int i = 0; i < 32; i++) z.lane[i] = take.lane[i] ? x.lane[i] : y.lane[i];
    return z;
}

DEVICE F larger(const F& x, const F& y) {
    return F::each(x, y, [](float a, float b) { return std::fmax(a, b); });
}

DEVICE F power_of_two(const F& x) {
    return F::each(x, x, [](float a, float) { return std::exp2(a); });
}

DEVICE F hyperbolic_tangent(const F& x) {
    return F::each(x, x, [](float a, float) { return std::tanh(a); });
}

DEVICE L wide(const I& x) {
    L y;
    for (int i = 0; i < 32; i++) y.lane[i] = x.lane[i];
    return y;
}

DEVICE F read_float(const float* base, const I& offset, const B& valid) {
    F x;
    for (int i = 0; i < 32; i++) x.lane[i] = valid.lane[i] ? base[offset.lane[i]] : 0.0f;
    return x;
}

DEVICE void write_float(float* base, const L& offset, const B& valid, const F& x) {
    for (int i = 0; i < 32; i++) {
        if (valid.lane[i]) base[offset.lane[i]] = x.lane[i];
    }
}

DEVICE I read_int(const int* base, const I& offset, const B& valid) {
    I x;
    for (int i = 0; i < 32; i++) x.lane[i] = valid.lane[i] ? base[offset.lane[i]] : 0;
    return x;
}

#if KIND == 0
typedef float T;
DEVICE float widen(T x) { return x; }
DEVICE T narrowed(float x) { return x; }
#elif KIND == 1
typedef unsigned short T;
DEVICE float widen(T x) {
    unsigned bits = unsigned(x) << 16;
    float y;
    std::memcpy(&y, &bits, 4);
    return y;
}
DEVICE T narrowed(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, 4);
    if (std::isnan(x)) return 0x7fff;
    return T((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
#else
typedef unsigned short T;
DEVICE float widen(T x) {
    _Float16 y;
    std::memcpy(&y, &x, 2);
    return float(y);
}
DEVICE T narrowed(float x) {
    _Float16 y = _Float16(x);
    T bits;
    std::memcpy(&bits, &y, 2);
    return bits;
}
#endif

DEVICE void read_vector(const T* base, const L& offset, const B& valid, F* out) {
    for (int i = 0; i < 32; i++) {
        for (int e = 0; e < int(16 / sizeof(T)); e++) {
            out[e].lane[i] = valid.lane[i] ? widen(base[offset.lane[i] + e]) : 0.0f;
        }
    }
}

DEVICE void write_value(T* base, const L& offset, const B& valid, const F& x) {
    for (int i = 0; i < 32; i++) {
        if (valid.lane[i]) base[offset.lane[i]] = narrowed(x.lane[i]);
    }
}
