/* broken_row.c - for the loader's tests: a shared object that is no plugin. */
int broken_row(void);

int broken_row(void)
{
    return 0;
}
