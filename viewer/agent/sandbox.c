#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "core/base/err.h"
#include "viewer/agent/sandbox.h"

/*
 * Files may still be opened: GPU drivers and libc do so late. No program can be started, no other
 * process touched, no address bound, nothing mounted or loaded.
 */
static const char *const allowed[] = {
    "accept4",
    "access",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "clone",
    "clone3",
    "close",
    "connect",
    "dup",
    "dup2",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_wait",
    "eventfd2",
    "exit",
    "exit_group",
    "fchmod",
    "fcntl",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrusage",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "ioctl",
    "kcmp",
    "lseek",
    "lstat",
    "madvise",
    "membarrier",
    "memfd_create",
    "mlock",
    "mmap",
    "mprotect",
    "mremap",
    "munlock",
    "munmap",
    "nanosleep",
    "newfstatat",
    "open",
    "openat",
    "pipe2",
    "poll",
    "ppoll",
    "prctl",
    "pread64",
    "pselect6",
    "pwrite64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "recvfrom",
    "recvmsg",
    "rename",
    "renameat",
    "renameat2",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_yield",
    "select",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "setsockopt",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaltstack",
    "socket",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "tgkill",
    "timerfd_create",
    "timerfd_settime",
    "uname",
    "unlink",
    "wait4",
    "waitid",
    "write",
    "writev",
};

int sandbox_enter(char *error, size_t n)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int e = f ? 0 : -ENOMEM;

	for (size_t i = 0; !e && i < ARRAY_SIZE(allowed); i++) {
		int nr = seccomp_syscall_resolve_name(allowed[i]);
		if (nr != __NR_SCMP_ERROR)
			e = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	}
	/* A file once open for writing cannot become a program: execve is not on the list. */
	if (!e)
		e = seccomp_load(f); /* sets no_new_privs, too */
	if (f)
		seccomp_release(f);
	if (!e)
		return 0;
	snprintf(error, n, "the kernel refused the sandbox (error %d): --sandbox=no runs without",
		 -e);
	return ERR_UNSUPPORTED;
}
