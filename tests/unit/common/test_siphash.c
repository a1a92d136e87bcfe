#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "siphash.h"

/* The values of the paper's appendix A and of its authors' test vectors: key
 * 00 01 .. 0f, message 00 01 .. of the given length. */
static void values_are_those_of_the_authors(void **state)
{
    (void)state;
    const struct siphash_key key = {UINT64_C(0x0706050403020100),
                                    UINT64_C(0x0f0e0d0c0b0a0908)};
    const struct {
        size_t bytes;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)},  {3, UINT64_C(0x85676696d7fb7e2d)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t message[16];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(siphash(&key, message, rows[i].bytes) == rows[i].hash);
}

static void the_place_in_memory_does_not_matter(void **state)
{
    (void)state;
    const struct siphash_key key = {1, 2};
    char text[32] = "xxxxxxxx0123456789012";
    uint64_t hash = siphash(&key, "0123456789012", 13);
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < 13; i++)
            text[shift + i] = (char)('0' + i % 10);
        assert_true(siphash(&key, text + shift, 13) == hash);
    }
}

static void another_key_gives_another_hash(void **state)
{
    (void)state;
    const struct siphash_key one = {1, 2};
    const struct siphash_key low = {0, 2};
    const struct siphash_key high = {1, 3};
    uint64_t hash = siphash(&one, "user", 4);
    assert_true(siphash(&low, "user", 4) != hash);
    assert_true(siphash(&high, "user", 4) != hash);
    assert_true(siphash(&one, "use", 3) != hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_authors),
        cmocka_unit_test(the_place_in_memory_does_not_matter),
        cmocka_unit_test(another_key_gives_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
