#include "core/base/fmt.h"
#include "profiles/stream.h"

#define WORD(key, verb) STREAM_PREFIX key "=" verb " "

size_t stream_words(const struct profile *w, char out[STREAM_WORDS_MAX])
{
	const struct profile_stream *s = &w->stream;

	out[0] = 0;
	if (!GIVEN(w, stream))
		return 0;
	/* Whoever asks for a stream means it for other machines. */
	return fmt(
	    out, STREAM_WORDS_MAX,
	    WORD("name", "%s") WORD("listen", "0.0.0.0") WORD("port", "%u") WORD("security", "%s")
		WORD("effort", "%u") WORD("max_viewers", "%u") WORD("idle_min", "%u"),
	    w->name, s->port, stream_security[s->security], s->effort, s->viewers, s->idle_minutes);
}
