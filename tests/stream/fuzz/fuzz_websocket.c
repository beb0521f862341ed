/* What a browser, or whoever says it is one, sends: the request, then frames. */
#include <string.h>

#include "viewer/net/websocket.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);
int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static const char request[] =
	    "GET / HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	    "Origin: https://desks.example\r\nSec-WebSocket-Protocol: binary\r\n\r\n";
	static const struct websocket_pages pages = {"http://a, https://desks.example", false};
	struct net_stream s;
	bool polite = n && data[0] & 1;

	net_init(&s, -1);
	s.out.limit = 1u << 20;
	if (polite)
		put_bytes(&s.in, request, sizeof(request) - 1);
	put_bytes(&s.in, data, n < 60000 ? n : 60000);
	if (websocket_accept(&s, &pages) == 1) {
		put_bytes(&s.out, "answer", 6);
		websocket_frame(&s, s.framed);
		s.in.n = 0;
		(void)!websocket_unframe(&s);
	}
	if (s.in.n > s.in.limit || s.framed > s.out.n + 16)
		__builtin_trap();
	wbuf_free(&s.in);
	wbuf_free(&s.out);
	wbuf_free(&s.ws_in);
	return 0;
}
