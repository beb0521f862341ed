/* The counters page in three forms. `before` is an earlier copy for rates, or NULL. */
#pragma once

#include "profiles/host/top/page.h"

/* For people: workstations, their devices, their exits by cause and a second. */
void top_table(const struct counters_page *now, const struct counters_page *before);
/* For scripts: one JSON object. */
void top_json(const struct counters_page *now);
/* For Prometheus: the text exposition format, version 0.0.4. */
void top_metrics(const struct counters_page *now);
