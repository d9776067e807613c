// libtorch's key-value store and its Gloo backend behind C functions. See src/process_group.rs for how they are called.
//
// Every function returns nothing, or a message that is valid until the next call on the same thread. Tensors are
// libtorch's own, as tch points to them.

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "guarded.h"

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;
using Gloo = c10::intrusive_ptr<c10d::ProcessGroupGloo>;

const Store& store_of(void* store) { return *static_cast<Store*>(store); }

c10d::ProcessGroupGloo& gloo_of(void* group) { return **static_cast<Gloo*>(group); }

std::vector<at::Tensor> list_of(void* tensor) { return {*static_cast<at::Tensor*>(tensor)}; }

}  // namespace

extern "C" {

// Joins the store at host:port, having begun to serve it if asked to.
const char* thinksafe_store_open(const char* host, uint16_t port, int serve, int64_t timeout_ms, void** store) {
    return guarded([&] {
        c10d::TCPStoreOptions options;
        options.port = port;
        options.isServer = serve != 0;
        options.timeout = std::chrono::milliseconds(timeout_ms);
        *store = new Store(c10::make_intrusive<c10d::TCPStore>(host, options));
    });
}

// The same store, all of whose keys begin with the prefix.
const char* thinksafe_store_within(void* store, const char* prefix, void** within) {
    return guarded([&] { *within = new Store(c10::make_intrusive<c10d::PrefixStore>(prefix, store_of(store))); });
}

// Adds to a counter that begins at zero, and says what it then is.
const char* thinksafe_store_add(void* store, const char* key, int64_t increment, int64_t* value) {
    return guarded([&] { *value = store_of(store)->add(key, increment); });
}

// Whether the key has a value.
const char* thinksafe_store_check(void* store, const char* key, int* found) {
    return guarded([&] { *found = store_of(store)->check({key}) ? 1 : 0; });
}

const char* thinksafe_store_set(void* store, const char* key, const uint8_t* value, size_t length) {
    return guarded([&] { store_of(store)->set(key, std::vector<uint8_t>(value, value + length)); });
}

// Waits for the key, and copies its value, which must be of this length.
const char* thinksafe_store_get(void* store, const char* key, uint8_t* value, size_t length) {
    return guarded([&] {
        const std::vector<uint8_t> found = store_of(store)->get(key);
        TORCH_CHECK(found.size() == length, "the store's ", key, " has ", found.size(), " bytes, expected ", length);
        std::memcpy(value, found.data(), length);
    });
}

const char* thinksafe_store_close(void* store) {
    return guarded([&] { delete static_cast<Store*>(store); });
}

// Connects all ranks that come to this store, over the interface of this name, or the one that the host's name leads to.
const char* thinksafe_gloo_open(
    void* store, int rank, int size, int64_t timeout_ms, const char* interface, void** group) {
    return guarded([&] {
        auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout_ms));
        options->devices.push_back(
            interface == nullptr ? c10d::ProcessGroupGloo::createDefaultDevice()
                                 : c10d::ProcessGroupGloo::createDeviceForInterface(interface));
        *group = new Gloo(c10::make_intrusive<c10d::ProcessGroupGloo>(store_of(store), rank, size, options));
    });
}

const char* thinksafe_gloo_all_reduce_sum(void* group, void* tensor) {
    return guarded([&] {
        auto tensors = list_of(tensor);
        gloo_of(group).allreduce(tensors)->wait();
    });
}

const char* thinksafe_gloo_broadcast(void* group, void* tensor, int root) {
    return guarded([&] {
        auto tensors = list_of(tensor);
        c10d::BroadcastOptions options;
        options.rootRank = root;
        gloo_of(group).broadcast(tensors, options)->wait();
    });
}

const char* thinksafe_gloo_barrier(void* group) {
    return guarded([&] { gloo_of(group).barrier()->wait(); });
}

const char* thinksafe_gloo_close(void* group) {
    return guarded([&] { delete static_cast<Gloo*>(group); });
}

}  // extern "C"
