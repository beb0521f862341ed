#include "core/base/fmt.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, alt;
	int width, precision; /* precision -1: not given */
	int length;	      /* -2 hh, -1 h, 0, 1 l, 2 ll, 3 z */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const struct spec *s, const char *prefix, const char *text,
		       int n)
{
	int prefix_len = 0;

	while (prefix[prefix_len])
		prefix_len++;
	int pad = s->width - prefix_len - n;

	if (!s->left && !s->zero)
		for (; pad > 0; pad--)
			put(o, ' ');
	for (int i = 0; i < prefix_len; i++)
		put(o, prefix[i]);
	if (!s->left && s->zero)
		for (; pad > 0; pad--)
			put(o, '0');
	for (int i = 0; i < n; i++)
		put(o, text[i]);
	for (; pad > 0; pad--)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, u64 v, unsigned base, bool upper,
		       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[20];
	int i = sizeof(tmp);

	do {
		tmp[--i] = digits[v % base];
		v /= base;
	} while (v);
	put_padded(o, s, prefix, tmp + i, (int)sizeof(tmp) - i);
}

static u64 arg_unsigned(va_list *ap, int length)
{
	switch (length) {
	case -2:
		return (unsigned char)va_arg(*ap, unsigned int);
	case -1:
		return (unsigned short)va_arg(*ap, unsigned int);
	case 0:
		return va_arg(*ap, unsigned int);
	default:
		return va_arg(*ap, unsigned long);
	}
}

static s64 arg_signed(va_list *ap, int length)
{
	switch (length) {
	case -2:
		return (signed char)va_arg(*ap, int);
	case -1:
		return (short)va_arg(*ap, int);
	case 0:
		return va_arg(*ap, int);
	default:
		return va_arg(*ap, long);
	}
}

static const char *parse_number(const char *f, int *out, va_list *ap)
{
	*out = 0;
	if (*f == '*') {
		*out = va_arg(*ap, int);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		if (*out < 4096)
			*out = *out * 10 + (*f - '0');
	return f;
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '#')
			s->alt = true;
		else
			break;
	}
	f = parse_number(f, &s->width, ap);
	if (*f == '.')
		f = parse_number(f + 1, &s->precision, ap);
	for (; *f == 'h'; f++)
		s->length--;
	for (; *f == 'l'; f++)
		s->length++;
	if (*f == 'z') {
		s->length = 3;
		f++;
	}
	return f;
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
	int n = 0;

	if (!text)
		text = "(null)";
	while ((s->precision < 0 || n < s->precision) && text[n])
		n++;
	s->zero = false;
	put_padded(o, s, "", text, n);
}

size_t vfmt(char *buf, size_t size, const char *format, va_list args)
{
	struct out o = {buf, size, 0};
	struct spec s;
	va_list ap;

	va_copy(ap, args);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		const char *start = f;

		f = parse_spec(f + 1, &s, &ap);
		switch (*f) {
		case 'd':
		case 'i': {
			s64 v = arg_signed(&ap, s.length);

			put_number(&o, &s, v < 0 ? 0 - (u64)v : (u64)v, 10, false,
				   v < 0 ? "-" : "");
			break;
		}
		case 'u':
			put_number(&o, &s, arg_unsigned(&ap, s.length), 10, false, "");
			break;
		case 'x':
		case 'X':
			put_number(&o, &s, arg_unsigned(&ap, s.length), 16, *f == 'X',
				   s.alt ? "0x" : "");
			break;
		case 'p':
			put_number(&o, &s, (u64)(uintptr_t)va_arg(ap, void *), 16, false, "0x");
			break;
		case 'c': {
			char c = (char)va_arg(ap, int);

			put_padded(&o, &s, "", &c, 1);
			break;
		}
		case 's':
			put_string(&o, &s, va_arg(ap, const char *));
			break;
		case '%':
			put(&o, '%');
			break;
		default:
			for (; start < f; start++)
				put(&o, *start);
			if (!*f)
				f--;
			else
				put(&o, *f);
		}
	}
	va_end(ap);
	if (size)
		buf[o.len < size ? o.len : size - 1] = '\0';
	return o.len;
}

size_t fmt(char *buf, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	size_t n = vfmt(buf, size, format, ap);

	va_end(ap);
	return n;
}
