// How C++ exceptions become messages.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>

// Returns nothing, or what was thrown; the message is valid until the next call on the same thread.
template <class Work>
const char* guarded(Work work) {
    static thread_local std::string message;
    try {
        work();
        return nullptr;
    } catch (const c10::Error& error) {
        // `what` would add the C++ stack.
        message = error.what_without_backtrace();
    } catch (const std::exception& error) {
        message = error.what();
    } catch (...) {
        message = "an exception that says nothing";
    }
    return message.c_str();
}
