// What libtorch's ProcessGroupGloo.hpp says of gloo, and no more; see README.md.
#pragma once

namespace gloo::transport {

class Device;

}  // namespace gloo::transport
