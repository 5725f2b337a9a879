/* jwt_test.c - tokens are believed only when they are ours. */
#include "security/jwt.h"
#include "security/secret.h"
#include "../texts.h"
