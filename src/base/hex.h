/* hex.h - hexadecimal digits, as percent-encoding has them. Pure, any thread. */
#ifndef KDM_BASE_HEX_H
#define KDM_BASE_HEX_H

/* 0 to 15, or -1 when `c` is no hexadecimal digit; both cases are fine. */
static inline int kdm_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
