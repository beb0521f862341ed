/*
 * A desktop in the small that draws by OpenGL ES: on a 3D card its pixels lie on the host. Lights the
 * first output, then for each line `paint N` draws picture N and flips; answers `painted N`.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <EGL/egl.h>
#include <GLES2/gl2.h>
#include <gbm.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define WIDEST 1280

static int card;
static uint32_t crtc, connector;
static drmModeModeInfo mode;
static struct gbm_surface *surface;
static EGLDisplay display;
static EGLSurface window;
static struct gbm_bo *shown;

static int find_output(void)
{
	drmModeRes *res = drmModeGetResources(card);

	for (int i = 0; res && i < res->count_connectors; i++) {
		drmModeConnector *c = drmModeGetConnector(card, res->connectors[i]);

		if (!c || c->connection != DRM_MODE_CONNECTED || !c->count_modes)
			continue;
		connector = c->connector_id;
		mode = c->modes[0];
		for (int k = 0; k < c->count_modes && mode.hdisplay > WIDEST; k++)
			mode = c->modes[k];
		crtc = res->crtcs[0];
		return 0;
	}
	return -1;
}

static int open_gl(void)
{
	static const EGLint want[] = {EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE,
				      EGL_OPENGL_ES2_BIT, EGL_NONE};
	static const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
	struct gbm_device *gbm = gbm_create_device(card);
	EGLConfig configs[64];
	EGLint n = 0, id;

	if (!gbm)
		return -1;
	surface = gbm_surface_create(gbm, mode.hdisplay, mode.vdisplay, GBM_FORMAT_XRGB8888,
				     GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
	display = eglGetDisplay((EGLNativeDisplayType)gbm);
	if (!surface || !eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API) ||
	    !eglChooseConfig(display, want, configs, 64, &n))
		return -1;
	for (EGLint i = 0; i < n && !window; i++)
		if (eglGetConfigAttrib(display, configs[i], EGL_NATIVE_VISUAL_ID, &id) &&
		    id == GBM_FORMAT_XRGB8888) {
			window = eglCreateWindowSurface(display, configs[i],
							(EGLNativeWindowType)surface, NULL);
			EGLContext c =
			    eglCreateContext(display, configs[i], EGL_NO_CONTEXT, version);
			if (!eglMakeCurrent(display, window, window, c))
				return -1;
		}
	return window ? 0 : -1;
}

static void paint(unsigned n)
{
	uint32_t fb;

	for (unsigned k = 0; k < 60; k++) {
		unsigned v = (k * 2654435761u + n * 40503u) ^ k << 7;

		glScissor((GLint)(v % mode.hdisplay), (GLint)(v / 7 % mode.vdisplay),
			  (GLsizei)(20 + v / 3 % 300), (GLsizei)(10 + v / 11 % 200));
		glEnable(GL_SCISSOR_TEST);
		glClearColor((float)(v & 255) / 255.f, (float)(v >> 8 & 255) / 255.f,
			     (float)(v >> 16 & 255) / 255.f, 1.f);
		if (!k)
			glDisable(GL_SCISSOR_TEST);
		glClear(GL_COLOR_BUFFER_BIT);
	}
	glFinish();
	eglSwapBuffers(display, window);
	struct gbm_bo *bo = gbm_surface_lock_front_buffer(surface);
	if (!bo ||
	    drmModeAddFB(card, mode.hdisplay, mode.vdisplay, 24, 32, gbm_bo_get_stride(bo),
			 gbm_bo_get_handle(bo).u32, &fb) ||
	    drmModeSetCrtc(card, crtc, fb, 0, 0, &connector, 1, &mode)) {
		printf("painter: flip: %m\n");
		return;
	}
	if (shown)
		gbm_surface_release_buffer(surface, shown);
	shown = bo;
	printf("painted %u\n", n);
}

int main(int argc, char **argv)
{
	char line[256];
	unsigned n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	card = open(argc > 1 ? argv[1] : "/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (card < 0 || find_output() || open_gl()) {
		printf("painter: no OpenGL on the card\n");
		return 1;
	}
	printf("renderer %s\n", (const char *)glGetString(GL_RENDERER));
	paint(1);
	printf("head 0 %ux%u\npainter ready\n", mode.hdisplay, mode.vdisplay);
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "paint %u", &n) == 1)
			paint(n);
	return 0;
}
