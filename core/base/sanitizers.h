#pragma once

// Which sanitizer the code is compiled under, in words that do not depend on the compiler: gcc defines
// macros, clang 14 answers __has_feature. For what a sanitizer must be told (switched stacks, poisoned
// arenas), never for what the code does.

#if defined(__SANITIZE_ADDRESS__)
#define KSIM_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KSIM_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define KSIM_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KSIM_THREAD_SANITIZER 1
#endif
#endif
