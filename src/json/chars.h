/* chars.h - private to json/: runs of ordinary characters, 16 or 8 at a time. */
#ifndef KDM_JSON_CHARS_H
#define KDM_JSON_CHARS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Ordinary: may stand in a JSON string as it is, and is ASCII. */
static inline bool kdm_json_ordinary(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

#ifndef __SSE2__
/* Are all 8 bytes ordinary? The usual "has a zero byte" arithmetic; what borrows between bytes can
 * only say no too often, never yes. */
static inline bool kdm_json_ordinary8(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t word, quote, slash;

    memcpy(&word, at, sizeof(word));
    quote = word ^ ones * '"';
    slash = word ^ ones * '\\';
    return ((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & highs) == 0;
}
#endif

/* The first character in [at, end) that is not ordinary, or `end`. */
static inline const char *kdm_json_skip_ordinary(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(0x20);

    for (; end - at >= 16; at += 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)at);
        /* Compared as signed numbers, control characters and all that is not ASCII are < ' '. */
        __m128i odd =
            _mm_or_si128(_mm_cmplt_epi8(chunk, blank),
                         _mm_or_si128(_mm_cmpeq_epi8(chunk, quote), _mm_cmpeq_epi8(chunk, slash)));
        int mask = _mm_movemask_epi8(odd);

        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
#else
    while (end - at >= 8 && kdm_json_ordinary8(at))
        at += 8;
#endif
    while (at < end && kdm_json_ordinary(*at))
        at++;
    return at;
}

#endif
