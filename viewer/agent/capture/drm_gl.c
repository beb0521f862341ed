#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define EGL_NO_X11
#define MESA_EGL_NO_X11_HEADERS
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <drm_fourcc.h>
#include <gbm.h>
#include <xf86drm.h>

#include "core/base/err.h"
#include "viewer/agent/capture/drm_gl.h"

enum library { GBM, EGL, GLES, LIBRARIES };

static const char *const names[LIBRARIES] = {"libgbm.so.1", "libEGL.so.1", "libGLESv2.so.2"};

/* What of them is called: library, function. */
#define FUNCTIONS(X)                      \
	X(GBM, gbm_create_device)         \
	X(GBM, gbm_device_destroy)        \
	X(EGL, eglGetPlatformDisplay)     \
	X(EGL, eglInitialize)             \
	X(EGL, eglTerminate)              \
	X(EGL, eglQueryString)            \
	X(EGL, eglBindAPI)                \
	X(EGL, eglCreateContext)          \
	X(EGL, eglDestroyContext)         \
	X(EGL, eglMakeCurrent)            \
	X(EGL, eglGetProcAddress)         \
	X(GLES, glGenTextures)            \
	X(GLES, glDeleteTextures)         \
	X(GLES, glBindTexture)            \
	X(GLES, glGenFramebuffers)        \
	X(GLES, glDeleteFramebuffers)     \
	X(GLES, glBindFramebuffer)        \
	X(GLES, glFramebufferTexture2D)   \
	X(GLES, glCheckFramebufferStatus) \
	X(GLES, glReadPixels)             \
	X(GLES, glPixelStorei)            \
	X(GLES, glGetError)

struct drm_gl {
	void *lib[LIBRARIES];
#define POINTER(library, function) __typeof__(&function) function;
	FUNCTIONS(POINTER)
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC target_texture;
	int node; /* render node */
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLContext context;
	bool modifiers;
};

struct drm_gl_image {
	EGLImageKHR image;
	GLuint texture, frame;
};

static int load(struct drm_gl *g, char *error, size_t n)
{
	static const struct {
		enum library library;
		const char *name;
		size_t at;
	} list[] = {
#define ENTRY(library, function) {library, #function, offsetof(struct drm_gl, function)},
	    FUNCTIONS(ENTRY)};

	for (int i = 0; i < LIBRARIES; i++) {
		g->lib[i] = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
		if (!g->lib[i]) {
			snprintf(error, n,
				 "%s cannot be loaded (packages libgbm1, libegl1, "
				 "libgles2, libgl1-mesa-dri)",
				 names[i]);
			return ERR_NOENT;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		void *f = dlsym(g->lib[list[i].library], list[i].name);

		if (!f) {
			snprintf(error, n, "%s has no %s", names[list[i].library], list[i].name);
			return ERR_NOENT;
		}
		memcpy((u8 *)g + list[i].at, &f, sizeof(f));
	}
	return 0;
}

/* Whoever may render may open the render node; the card's own descriptor serves where there is none. */
static int open_node(int card)
{
	char *path = drmGetRenderDeviceNameFromFd(card);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	free(path);
	return fd >= 0 ? fd : fcntl(card, F_DUPFD_CLOEXEC, 3);
}

static int start(struct drm_gl *g, int card, char *error, size_t n)
{
	static const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};

	g->node = open_node(card);
	g->gbm = g->node < 0 ? NULL : g->gbm_create_device(g->node);
	if (!g->gbm) {
		snprintf(error, n, "no driver takes the card's render node (libgl1-mesa-dri?)");
		return ERR_UNSUPPORTED;
	}
	g->display = g->eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, g->gbm, NULL);
	if (g->display == EGL_NO_DISPLAY || !g->eglInitialize(g->display, NULL, NULL)) {
		g->display = EGL_NO_DISPLAY;
		snprintf(error, n, "EGL does not start on the card");
		return ERR_UNSUPPORTED;
	}
	const char *has = g->eglQueryString(g->display, EGL_EXTENSIONS);
	static const char *const needed[] = {"EGL_EXT_image_dma_buf_import",
					     "EGL_KHR_surfaceless_context",
					     "EGL_KHR_no_config_context"};
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has || !strstr(has, needed[i])) {
			snprintf(error, n, "the card's EGL lacks %s", needed[i]);
			return ERR_UNSUPPORTED;
		}
	g->modifiers = strstr(has, "EGL_EXT_image_dma_buf_import_modifiers") != NULL;
	if (g->eglBindAPI(EGL_OPENGL_ES_API))
		g->context =
		    g->eglCreateContext(g->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, version);
	if (g->context == EGL_NO_CONTEXT ||
	    !g->eglMakeCurrent(g->display, EGL_NO_SURFACE, EGL_NO_SURFACE, g->context)) {
		snprintf(error, n, "OpenGL ES does not start on the card");
		return ERR_UNSUPPORTED;
	}
	g->create_image = (PFNEGLCREATEIMAGEKHRPROC)g->eglGetProcAddress("eglCreateImageKHR");
	g->destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)g->eglGetProcAddress("eglDestroyImageKHR");
	g->target_texture = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)g->eglGetProcAddress(
	    "glEGLImageTargetTexture2DOES");
	if (!g->create_image || !g->destroy_image || !g->target_texture) {
		snprintf(error, n, "the card's OpenGL ES lacks GL_OES_EGL_image");
		return ERR_UNSUPPORTED;
	}
	g->glPixelStorei(GL_PACK_ALIGNMENT, 4);
	return 0;
}

struct drm_gl *drm_gl_open(int card, char *error, size_t n)
{
	struct drm_gl *g = calloc(1, sizeof(*g));

	if (!g) {
		snprintf(error, n, "out of memory");
		return NULL;
	}
	g->node = -1;
	if (load(g, error, n) || start(g, card, error, n)) {
		drm_gl_close(g);
		return NULL;
	}
	return g;
}

void drm_gl_close(struct drm_gl *g)
{
	if (!g)
		return;
	if (g->display != EGL_NO_DISPLAY) {
		g->eglMakeCurrent(g->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
		if (g->context != EGL_NO_CONTEXT)
			g->eglDestroyContext(g->display, g->context);
		g->eglTerminate(g->display);
	}
	if (g->gbm)
		g->gbm_device_destroy(g->gbm);
	if (g->node >= 0)
		close(g->node);
	/* The libraries stay: drivers do not like to be unloaded. */
	free(g);
}

static void add(EGLint *list, u32 *n, EGLint name, EGLint value)
{
	list[(*n)++] = name;
	list[(*n)++] = value;
	list[*n] = EGL_NONE;
}

/* EGL_EXT_image_dma_buf_import: each plane's descriptor, offset, pitch and (twice 32 bits) modifier. */
static EGLImageKHR make_image(struct drm_gl *g, const int fds[SEAT_PLANES],
			      const struct seat_answer *a)
{
	static const EGLint planes[SEAT_PLANES][5] = {
	    {EGL_DMA_BUF_PLANE0_FD_EXT, EGL_DMA_BUF_PLANE0_OFFSET_EXT, EGL_DMA_BUF_PLANE0_PITCH_EXT,
	     EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT},
	    {EGL_DMA_BUF_PLANE1_FD_EXT, EGL_DMA_BUF_PLANE1_OFFSET_EXT, EGL_DMA_BUF_PLANE1_PITCH_EXT,
	     EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT},
	    {EGL_DMA_BUF_PLANE2_FD_EXT, EGL_DMA_BUF_PLANE2_OFFSET_EXT, EGL_DMA_BUF_PLANE2_PITCH_EXT,
	     EGL_DMA_BUF_PLANE2_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE2_MODIFIER_HI_EXT},
	    {EGL_DMA_BUF_PLANE3_FD_EXT, EGL_DMA_BUF_PLANE3_OFFSET_EXT, EGL_DMA_BUF_PLANE3_PITCH_EXT,
	     EGL_DMA_BUF_PLANE3_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE3_MODIFIER_HI_EXT},
	};
	EGLint list[6 + SEAT_PLANES * 10 + 1];
	u32 n = 0;

	add(list, &n, EGL_WIDTH, (EGLint)a->w);
	add(list, &n, EGL_HEIGHT, (EGLint)a->h);
	add(list, &n, EGL_LINUX_DRM_FOURCC_EXT, (EGLint)a->fourcc);
	for (u32 i = 0; i < SEAT_PLANES && fds[i] >= 0; i++) {
		add(list, &n, planes[i][0], fds[i]);
		add(list, &n, planes[i][1], (EGLint)a->offset[i]);
		add(list, &n, planes[i][2], (EGLint)a->pitch[i]);
		if (a->modifier == DRM_FORMAT_MOD_INVALID)
			continue;
		add(list, &n, planes[i][3], (EGLint)(u32)a->modifier);
		add(list, &n, planes[i][4], (EGLint)(u32)(a->modifier >> 32));
	}
	return g->create_image(g->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, list);
}

int drm_gl_import(struct drm_gl *g, int card, const struct seat_answer *a,
		  struct drm_gl_image **out)
{
	struct drm_gl_image *i = calloc(1, sizeof(*i));
	int fds[SEAT_PLANES], e = 0;

	if (!i)
		return ERR_NOMEM;
	for (u32 k = 0; k < SEAT_PLANES; k++) {
		fds[k] = -1;
		if (!e && a->handle[k] &&
		    drmPrimeHandleToFD(card, a->handle[k], DRM_CLOEXEC, &fds[k]))
			e = ERR_UNSUPPORTED;
	}
	if (!g->modifiers && a->modifier != DRM_FORMAT_MOD_INVALID &&
	    a->modifier != DRM_FORMAT_MOD_LINEAR)
		e = ERR_UNSUPPORTED;
	if (!e)
		i->image = make_image(g, fds, a);
	for (u32 k = 0; k < SEAT_PLANES; k++)
		if (fds[k] >= 0)
			close(fds[k]); /* the image holds the memory */
	if (!i->image) {
		free(i);
		return e ? e : ERR_UNSUPPORTED;
	}
	g->glGenTextures(1, &i->texture);
	g->glBindTexture(GL_TEXTURE_2D, i->texture);
	g->target_texture(GL_TEXTURE_2D, i->image);
	g->glGenFramebuffers(1, &i->frame);
	g->glBindFramebuffer(GL_FRAMEBUFFER, i->frame);
	g->glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, i->texture,
				  0);
	if (g->glGetError() != GL_NO_ERROR ||
	    g->glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
		drm_gl_release(g, i);
		return ERR_UNSUPPORTED;
	}
	*out = i;
	return 0;
}

void drm_gl_release(struct drm_gl *g, struct drm_gl_image *i)
{
	if (!i)
		return;
	g->glDeleteFramebuffers(1, &i->frame);
	g->glDeleteTextures(1, &i->texture);
	g->destroy_image(g->display, i->image);
	free(i);
}

int drm_gl_read(struct drm_gl *g, const struct drm_gl_image *i, struct rect r, u32 w, void *pixels)
{
	/* What others have written since is seen once the memory is taken up anew. */
	g->glBindTexture(GL_TEXTURE_2D, i->texture);
	g->target_texture(GL_TEXTURE_2D, i->image);
	g->glBindFramebuffer(GL_FRAMEBUFFER, i->frame);
	g->glReadPixels(0, r.y, (GLsizei)w, r.h, GL_RGBA, GL_UNSIGNED_BYTE,
			(u8 *)pixels + (size_t)r.y * w * 4);
	return g->glGetError() == GL_NO_ERROR ? 0 : ERR_IO;
}
