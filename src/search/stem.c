/* stem.c - see stem.h. Lucene's filters in Lucene's order: what stands before or behind an
 * apostrophe, stop words, stems. */
#include "search/stem.h"
#include <libstemmer.h>
#include <stdlib.h>

/* Sorted by bytes. */
static const char *const english_stops[] = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with",
};

static const char *const french_stops[] = {
    "ai",      "aie",      "aient",   "aies",    "ait",     "as",       "au",       "aura",
    "aurai",   "auraient", "aurais",  "aurait",  "auras",   "aurez",    "auriez",   "aurions",
    "aurons",  "auront",   "aux",     "avaient", "avais",   "avait",    "avec",     "avez",
    "aviez",   "avions",   "avons",   "ayant",   "ayez",    "ayons",    "c",        "ce",
    "ceci",    "cela",     "celà",    "ces",     "cet",     "cette",    "d",        "dans",
    "de",      "des",      "du",      "elle",    "en",      "es",       "est",      "et",
    "eu",      "eue",      "eues",    "eurent",  "eus",     "eusse",    "eussent",  "eusses",
    "eussiez", "eussions", "eut",     "eux",     "eûmes",   "eût",      "eûtes",    "furent",
    "fus",     "fusse",    "fussent", "fusses",  "fussiez", "fussions", "fut",      "fûmes",
    "fût",     "fûtes",    "ici",     "il",      "ils",     "j",        "je",       "l",
    "la",      "le",       "les",     "leur",    "leurs",   "lui",      "m",        "ma",
    "mais",    "me",       "mes",     "moi",     "mon",     "même",     "n",        "ne",
    "nos",     "notre",    "nous",    "on",      "ont",     "ou",       "par",      "pas",
    "pour",    "qu",       "que",     "quel",    "quelle",  "quelles",  "quels",    "qui",
    "s",       "sa",       "sans",    "se",      "sera",    "serai",    "seraient", "serais",
    "serait",  "seras",    "serez",   "seriez",  "serions", "serons",   "seront",   "ses",
    "soi",     "soient",   "sois",    "soit",    "sommes",  "son",      "sont",     "soyez",
    "soyons",  "suis",     "sur",     "t",       "ta",      "te",       "tes",      "toi",
    "ton",     "tu",       "un",      "une",     "vos",     "votre",    "vous",     "y",
    "à",       "étaient",  "étais",   "était",   "étant",   "étiez",    "étions",   "été",
    "étée",    "étées",    "étés",    "êtes",
};

static const char *const french_elisions[] = { "c", "d",      "j",  "jusqu",  "l", "lorsqu", "m",
                                               "n", "puisqu", "qu", "quoiqu", "s", "t" };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void kdm_stemmer_init(struct kdm_stemmer *stemmer, struct kdm_arena *arena,
                      enum kdm_analyzer analyzer)
{
    *stemmer = (struct kdm_stemmer){
        .arena = arena,
        .analyzer = analyzer,
        .snowball = sb_stemmer_new(analyzer == KDM_ANALYZER_FRENCH ? "french" : "porter", "UTF_8"),
    };
    if (stemmer->snowball == NULL)
        kdm_oom(0); /* both languages are always there */
}

void kdm_stemmer_fini(struct kdm_stemmer *stemmer)
{
    sb_stemmer_delete(stemmer->snowball);
}

static int compare_word(const void *key, const void *item)
{
    return kdm_str_cmp(*(const struct kdm_str *)key, kdm_str_of(*(const char *const *)item));
}

static bool is_in(struct kdm_str word, const char *const *table, size_t count)
{
    return bsearch(&word, table, count, sizeof(*table), compare_word) != NULL;
}

/* Bytes of an apostrophe at `at`; 0: there is none. */
static size_t apostrophe(struct kdm_str word, size_t at)
{
    if (at < word.len && word.ptr[at] == '\'')
        return 1;
    if (at + 3 <= word.len
        && (memcmp(word.ptr + at, "\xe2\x80\x99", 3) == 0
            || memcmp(word.ptr + at, "\xef\xbc\x87", 3) == 0))
        return 3;
    return 0;
}

/* "dog's" -> "dog" */
static struct kdm_str without_possessive(struct kdm_str word)
{
    if (word.len >= 2 && word.ptr[word.len - 1] == 's') {
        if (apostrophe(word, word.len - 2) == 1)
            word.len -= 2;
        else if (word.len >= 4 && apostrophe(word, word.len - 4) == 3)
            word.len -= 4;
    }
    return word;
}

/* "l'avion" -> "avion" */
static struct kdm_str without_article(struct kdm_str word)
{
    for (size_t at = 1; at < word.len && at < 8; at++) {
        size_t bytes = apostrophe(word, at);

        if (bytes > 0)
            return is_in((struct kdm_str){ word.ptr, at }, french_elisions, COUNT(french_elisions))
                       ? kdm_str_from(word, at + bytes)
                       : word;
    }
    return word;
}

struct kdm_str kdm_stemmer_apply(struct kdm_stemmer *stemmer, struct kdm_str word)
{
    bool french = stemmer->analyzer == KDM_ANALYZER_FRENCH;
    const sb_symbol *stem;

    word = french ? without_article(word) : without_possessive(word);
    if (word.len == 0
        || (french ? is_in(word, french_stops, COUNT(french_stops))
                   : is_in(word, english_stops, COUNT(english_stops))))
        return KDM_STR_NONE;
    stem = sb_stemmer_stem(stemmer->snowball, (const sb_symbol *)word.ptr, (int)word.len);
    if (stem == NULL)
        return word; /* out of memory */
    return kdm_arena_copy(
        stemmer->arena,
        (struct kdm_str){ (const char *)stem, (size_t)sb_stemmer_length(stemmer->snowball) });
}
