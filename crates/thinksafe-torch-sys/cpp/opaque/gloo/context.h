// What libtorch's ProcessGroupGloo.hpp says of gloo, and no more; see README.md.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
    void setTimeout(std::chrono::milliseconds timeout);
};

namespace transport {

class UnboundBuffer {
 public:
    virtual ~UnboundBuffer();
};

}  // namespace transport
}  // namespace gloo
