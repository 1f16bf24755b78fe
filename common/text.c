#include "common/text.h"
#include <ctype.h>
#include <string.h>
#include <wchar.h>

int text_decode(const char *text, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)text;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    int n = *p < 0x80 ? 1 : (*p >> 5) == 6 ? 2 : (*p >> 4) == 14 ? 3 : (*p >> 3) == 30 ? 4 : 0;
    if (n <= 1) {
        *code = *p;
        return n;
    }
    uint32_t c = *p & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}

bool text_valid(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t code;
        int step = text[i] ? text_decode(text + i, &code) : 0;
        if (!step)
            return false;
        i += (size_t)step;
    }
    return true;
}

static bool harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x115f || c == 0x1160 ||
           c == 0x180e || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || (c >= 0xe000 && c <= 0xf8ff) ||
           (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
           (c & 0xfffe) == 0xfffe || c >= 0xe0000;
}

void text_clean(const char *text, char *out, size_t room)
{
    size_t used = 0;
    while (*text) {
        uint32_t c;
        int n = text_decode(text, &c);
        const char *from = text;
        char ascii;
        text += n ? n : 1;
        if (n && c >= 0xff01 && c <= 0xff5e) {
            ascii = (char)(c - 0xff01 + '!');
            from = &ascii;
            n = 1;
        } else if (!n || harmful(c)) {
            from = "\xef\xbf\xbd";
            n = 3;
        }
        if (used + (size_t)n + 1 > room)
            break;
        memcpy(out + used, from, (size_t)n);
        used += (size_t)n;
    }
    out[used] = 0;
}

static int char_width(uint32_t c)
{
    if (c < 0x300)
        return 1;
    int w = wcwidth((wchar_t)c);
    return w < 0 ? 1 : w;
}

size_t text_fit(const char *text, int columns, int *used)
{
    size_t i = 0;
    *used = 0;
    while (text[i]) {
        uint32_t c;
        int n = text_decode(text + i, &c), w = n ? char_width(c) : 1;
        if (*used + w > columns)
            break;
        *used += w;
        i += n ? (size_t)n : 1;
    }
    return i;
}

int text_width(const char *text)
{
    int used;
    text_fit(text, 1 << 20, &used);
    return used;
}

bool text_fuzzy(const char *hay, const char *needle)
{
    for (; *needle; needle++, hay++) {
        while (*hay && tolower((unsigned char)*hay) != tolower((unsigned char)*needle))
            hay++;
        if (!*hay)
            return false;
    }
    return true;
}
