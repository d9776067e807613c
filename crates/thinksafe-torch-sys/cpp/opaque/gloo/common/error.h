// Named by ProcessGroupGloo.hpp, which uses nothing of it; see README.md.
#pragma once
