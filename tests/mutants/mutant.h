/*
 * Put in front of every mutated source: all mutants are in one program, and the environment says
 * which of them lives. MUTANT=n chooses, MUTANT_REACHED=file asks to note which could have.
 */
#pragma once

extern unsigned mutant_alive;
extern unsigned char *mutant_reached;

static inline int mutant_is(unsigned n)
{
	if (mutant_reached)
		mutant_reached[n] = 1;
	return mutant_alive == n;
}

/* A condition: n never holds, n + 1 holds when it should not. */
#define MUTANT_IF(n, ...) \
	(mutant_is(n) ? 0 : mutant_is((n) + 1) ? !(__VA_ARGS__) : !!(__VA_ARGS__))
