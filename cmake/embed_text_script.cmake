file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," body "${hex}")
file(WRITE ${OUTPUT}
"#include <stddef.h>
extern const char ${SYMBOL}[];
extern const size_t ${SYMBOL}_bytes;
const char ${SYMBOL}[] = {${body}0};
const size_t ${SYMBOL}_bytes = ${bytes};
")
