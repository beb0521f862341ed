# Pages that are written from the tool's own tables.
MAN := $B/man/caprock.1 $B/man/caprock-profile.5
ALL += $(MAN) $B/caprock-completion.bash

.PHONY: docs
docs: $B/caprock ## write docs/profiles.md again from the tables of the language and its rules
	@$B/caprock schema --markdown >docs/profiles.md

$B/man/caprock.1: docs/man.py $B/caprock
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$< $B/caprock >$@

$B/man/caprock-profile.5: $B/caprock
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$B/caprock schema --man >$@

$B/caprock-completion.bash: $B/caprock
	$(call say,GEN)
	$(Q)$B/caprock completion >$@
