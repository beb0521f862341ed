/*
 * How much processor time an encoder spends, in steps: more where pictures come out large beside
 * what a JPEG would take, as far as it pays; less where coding takes too much of the time that the
 * processors have between two pictures.
 */
#pragma once

#include "core/base/types.h"

#define EFFORTS 5u

struct effort {
	u32 now, most;	       /* steps, 0 to EFFORTS - 1 */
	double size, time;     /* means since the last step */
	double known[EFFORTS]; /* sizes by step; 0: not tried */
	u32 passed;	       /* pictures since the last step that were not judged */
	u32 judged;	       /* and those that were */
	u32 settled;	       /* pictures until more is tried again */
};

/*
 * A picture was coded. size: its bytes beside a JPEG's of the same picture. time: of processors that
 * it took, beside what there was until the next. True if `now` has changed.
 */
bool effort_judge(struct effort *e, double size, double time);
