// CUDA graphs of libtorch behind C functions. See src/graphs.rs for how they are called.
//
// Every function returns nothing, or a message that is valid until the next call on the same thread.

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include "guarded.h"

namespace {

// One for all graphs: they are replayed one at a time, and what one leaves behind is read before the next runs.
at::cuda::MempoolId_t pool() {
    static const at::cuda::MempoolId_t id = at::cuda::graph_pool_handle();
    return id;
}

struct Recording {
    at::cuda::CUDAGraph graph;
    c10::cuda::CUDAStream before;
    c10::cuda::CUDAStream side;

    explicit Recording(c10::DeviceIndex device)
        : before(c10::cuda::getCurrentCUDAStream(device)), side(c10::cuda::getStreamFromPool(false, device)) {}
};

}  // namespace

extern "C" {

// Makes a recording, and a stream of its own the current one.
const char* thinksafe_graph_open(int device, void** recording, void** stream) {
    return guarded([&] {
        c10::cuda::device_synchronize();
        auto* made = new Recording(static_cast<c10::DeviceIndex>(device));
        c10::cuda::setCurrentCUDAStream(made->side);
        *recording = made;
        *stream = made->side.stream();
    });
}

// From here on what is launched is recorded and not run.
const char* thinksafe_graph_begin(void* recording) {
    return guarded([&] {
        c10::cuda::device_synchronize();
        static_cast<Recording*>(recording)->graph.capture_begin(pool(), cudaStreamCaptureModeThreadLocal);
    });
}

// Ends the record, and makes it ready to run.
const char* thinksafe_graph_end(void* recording) {
    return guarded([&] { static_cast<Recording*>(recording)->graph.capture_end(); });
}

// Makes the stream current that was so before.
const char* thinksafe_graph_close(void* recording) {
    return guarded([&] {
        c10::cuda::setCurrentCUDAStream(static_cast<Recording*>(recording)->before);
        c10::cuda::device_synchronize();
    });
}

// Runs the record on the current stream.
const char* thinksafe_graph_replay(void* recording) {
    return guarded([&] { static_cast<Recording*>(recording)->graph.replay(); });
}

const char* thinksafe_graph_free(void* recording) {
    return guarded([&] { delete static_cast<Recording*>(recording); });
}

}  // extern "C"
