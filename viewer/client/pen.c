#include <string.h>

#include "viewer/client/pen.h"

static double within(double v, double lo, double hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static void set(struct pen_state *s, enum pen_axis a, double v, double min, double max)
{
	if (!(max > min))
		return;
	v = within(v, min, max);
	switch (a) {
	case PEN_PRESSURE:
		s->pressure = (u16)((v - min) / (max - min) * 65535 + 0.5);
		break;
	case PEN_TILT_X:
		s->tilt_x = (s16)(within(v, -90, 90) * 100);
		break;
	default:
		s->tilt_y = (s16)(within(v, -90, 90) * 100);
		break;
	}
}

bool pen_take(struct pen *p, int source, const u8 *mask, u32 mask_bytes, const double *values)
{
	struct pen_state was = p->state;
	const struct pen_device *d = NULL;

	for (u32 i = 0; i < p->ndev; i++)
		if (p->dev[i].id == source)
			d = &p->dev[i];
	if (!d) { /* a mouse took over */
		p->state = (struct pen_state){0};
		return was.near;
	}
	p->state.near = true;
	p->state.eraser = d->eraser;
	for (u32 bit = 0; bit < mask_bytes * 8; bit++) {
		if (!(mask[bit / 8] >> bit % 8 & 1))
			continue;
		for (int a = 0; a < PEN_AXES; a++)
			if (d->axis[a].valuator == (int)bit)
				set(&p->state, (enum pen_axis)a, *values, d->axis[a].min,
				    d->axis[a].max);
		values++;
	}
	return was.near != p->state.near || was.eraser != p->state.eraser ||
	       was.pressure != p->state.pressure || was.tilt_x != p->state.tilt_x ||
	       was.tilt_y != p->state.tilt_y;
}
