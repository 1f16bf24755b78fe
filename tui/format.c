#include "tui/format.h"
#include <stdio.h>
#include <string.h>

void format_price(dec v, dec tick, struct shown *out)
{
    int places = tick == DEC_NONE || tick <= 0 ? 2 : dec_places(tick);
    dec_format_places(v, places, false, out->text);
}

void format_signed_price(dec v, dec tick, struct shown *out)
{
    char text[DEC_TEXT];
    struct shown plain;
    format_price(v, tick, &plain);
    snprintf(text, sizeof text, "%.30s", plain.text);
    snprintf(out->text, sizeof out->text, "%s%s", v > 0 ? "+" : "", text);
    out->role = v > 0 ? UP : v < 0 && v != DEC_NONE ? DOWN : NORMAL;
}

void format_whole(dec v, struct shown *out)
{
    dec_format_places(v, 0, true, out->text);
}

void format_money(dec v, struct shown *out)
{
    char text[DEC_TEXT];
    dec_format_places(v, 0, true, text);
    bool zero = !strcmp(text, "0") || !strcmp(text, "-0");
    snprintf(out->text, sizeof out->text, "%s%s", v > 0 && !zero ? "+" : "", zero ? "0" : text);
    out->role = v == DEC_NONE || zero ? NORMAL : v > 0 ? UP : DOWN;
}

void format_lots(dec v, struct shown *out)
{
    char text[DEC_TEXT];
    dec_format_places(v, 0, true, text);
    snprintf(out->text, sizeof out->text, "%s%s", v > 0 ? "+" : "", text);
}

void format_age(int64_t time, int64_t now, int64_t stale, struct shown *out)
{
    *out->text = 0;
    if (time == TIME_NONE)
        return;
    int64_t s = now > time ? (now - time) / SECOND : 0;
    bool old = stale && now - time > stale;
    const char *star = old ? "*" : "";
    if (s < 60)
        snprintf(out->text, sizeof out->text, "%ds%s", (int)s, star);
    else if (s < 3600)
        snprintf(out->text, sizeof out->text, "%dm%s", (int)(s / 60), star);
    else if (s < 86400)
        snprintf(out->text, sizeof out->text, "%dh%s", (int)(s / 3600), star);
    else
        snprintf(out->text, sizeof out->text, "%dd%s", (int)(s / 86400), star);
    if (old)
        out->role = STALE;
}

void format_clock(int64_t time, struct shown *out)
{
    *out->text = 0;
    if (time == TIME_NONE)
        return;
    int64_t s = time / SECOND % 86400;
    snprintf(out->text, sizeof out->text, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
             (int)(s % 60));
}
