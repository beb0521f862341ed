#include <stdlib.h>

#include "core/base/err.h"
#include "profiles/host/explain/explain.h"

void explain_keep_note(void *ctx, const struct table_note *note)
{
	struct explain *e = ctx;

	if (e->nnotes == e->room) {
		size_t room = e->room ? 2 * e->room : 16;
		struct table_note *notes = realloc(e->notes, room * sizeof(*notes));

		if (!notes) {
			fputs("caprock: out of memory\n", stderr);
			exit(2);
		}
		e->notes = notes;
		e->room = room;
	}
	e->notes[e->nnotes++] = *note;
}

void explain_notes(struct explain *e, int err)
{
	if (e->json) {
		json_array(e->json, "notes");
		for (size_t i = 0; i < e->nnotes; i++) {
			json_object(e->json, NULL);
			json_string(e->json, "level", note_level_name(e->notes[i].level));
			json_string(e->json, "name", e->notes[i].name);
			json_number(e->json, "offset", e->notes[i].offset);
			json_string(e->json, "text", e->notes[i].text);
			json_end(e->json, '}');
		}
		json_end(e->json, ']');
		if (err)
			json_string(e->json, "error", err_text(err));
	} else {
		for (size_t i = 0; i < e->nnotes; i++)
			fprintf(e->out, "  %s: %s [%s, byte %#x]\n",
				note_level_name(e->notes[i].level), e->notes[i].text,
				e->notes[i].name, e->notes[i].offset);
		if (err)
			fprintf(e->out, "  not understood: %s\n", err_text(err));
	}
	free(e->notes);
	e->notes = NULL;
	e->nnotes = e->room = 0;
}

void explain_header(struct explain *e, const char *file, size_t size, const struct table_header *h,
		    bool complete)
{
	if (e->json) {
		json_string(e->json, "file", file);
		json_string(e->json, "signature", h->signature);
		json_number(e->json, "size", size);
		json_number(e->json, "revision", h->revision);
		json_string(e->json, "oem_id", h->oem_id);
		json_string(e->json, "oem_table_id", h->oem_table_id);
		json_bool(e->json, "checksum_ok", h->checksum_ok);
		json_bool(e->json, "complete", complete);
	} else {
		fprintf(e->out, "%s: %s revision %u, %zu bytes, by %s %s%s%s\n", file, h->signature,
			h->revision, size, h->oem_id, h->oem_table_id,
			h->checksum_ok ? "" : ", wrong checksum", complete ? "" : ", INCOMPLETE");
	}
}
