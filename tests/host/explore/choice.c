/* SPDX-License-Identifier: MIT */
/* The combinations of answers in order, as an odometer; see choice.h. */
#include "choice.h"

#include "small.h"

struct choices choices;

void choice_begin(void)
{
    choices.depth = choices.used = 0;
}

void choice_again(void)
{
    choices.used = 0;
}

bool choice_next(void)
{
    choices.depth = choices.used;
    while (choices.depth) {
        struct choice *last = &choices.at[choices.depth - 1];

        if (++last->made < last->of)
            break;
        choices.depth--;
    }
    choices.used = 0;
    return choices.depth != 0;
}

struct choice *choose(enum choice_kind kind, unsigned of)
{
    struct choice *c = &choices.at[choices.used];

    if (choices.used == CHOICES_MAX)
        violation("a request asks for more than %u choices", CHOICES_MAX);
    if (choices.used == choices.depth)
        choices.depth++, *c = (struct choice){ .of = (uint8_t)of, .kind = (uint8_t)kind };
    else if (c->of != of || c->kind != kind)
        violation("choice %u is of another kind when it is asked again", choices.used);
    choices.used++;
    return c;
}
