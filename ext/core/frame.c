#include "frame.h"

#include <errno.h>
#include <string.h>

int ff_frame_read(const char *bytes, size_t n, struct ff_frame *out)
{
    if (n < sizeof(*out))
        return 0;
    memcpy(out, bytes, sizeof(*out));
    if (out->kind == 0 || out->kind >= FF_FRAME_KINDS || out->size < out->topic_size ||
        ff_frame_part(out) > FF_FRAME_PART || out->total > FF_MESSAGE_MAX ||
        out->offset > out->total || ff_frame_part(out) > out->total - out->offset ||
        (ff_frame_part(out) == 0 && out->total > 0))
        return -EPROTO;
    size_t size = sizeof(*out) + out->size;
    return n < size ? 0 : (int)size;
}

bool ff_frame_matches(const char *pattern, size_t pattern_size, const char *topic, size_t size)
{
    if (pattern_size > 0 && pattern[pattern_size - 1] == '*')
        return size >= pattern_size - 1 && memcmp(pattern, topic, pattern_size - 1) == 0;
    return size == pattern_size && memcmp(pattern, topic, size) == 0;
}
