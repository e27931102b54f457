/*
 * Stands between a program and the file calls of libc (LD_PRELOAD), for the chaos suite alone; files-shim.ts steers it.
 *
 * It looks at calls on paths below the folders that the control file names, and at no others. Each that changes something is
 * written into a log, from which power-loss.ts finds out what was not made durable. Before a call it looks whether a trap
 * is set for it: the process is stopped there (SIGSTOP, with its owner), or the call fails with an errno.
 *
 * MTM_CHAOS_FILES names a folder with two files: `control`, mapped by every process, and `log`, to which every one appends
 * whole lines. A program that may not read them (PostgreSQL, as another user) is left alone. An owner is the process of the
 * service (mtm api, orchestrator, host, worker) that a process is or was started by, so that a trap for a worker is one for its
 * trainers as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FOLDERS 8
#define TRAPS 16
#define TRACKED 4096

/* The layout that files-shim.ts writes. */
struct trap {
  volatile int32_t set;
  int32_t owner;             /* pid; 0: anybody's */
  int32_t action;            /* STOP or FAIL */
  int32_t error;             /* of FAIL */
  int32_t kinds;             /* CHANGES, READS, or both */
  int32_t skip;              /* so many calls that fit go by before */
  int32_t times;             /* so many calls are hit */
  volatile int32_t seen;
  volatile int32_t struck;
  volatile int32_t pid;      /* the process that was hit last, and its owner */
  volatile int32_t its_owner;
  char under[256];           /* below which path the call must be; empty: anywhere */
  char site[280];            /* what the call must be, as the log names it; empty: any */
};
struct control {
  int32_t version;
  volatile int32_t gate;     /* while it is shut, processes of the service wait at their start */
  char folders[FOLDERS][256];
  struct trap traps[TRAPS];
};
enum { STOP = 1, FAIL = 2 };
enum { CHANGES = 1, READS = 2 };

static struct control *control;
static int log_fd = -1;
static char log_path[PATH_MAX];
static const char *role = "other";
static int owner;
/* Descriptors that are open for writing: 1 since the last sync nothing was written, 2 something was. */
static unsigned char tracked[TRACKED];

#define REAL(name) static __typeof__(name) *real_##name
REAL(openat); REAL(fopen64); REAL(renameat); REAL(unlinkat); REAL(mkdir); REAL(mkdirat); REAL(link); REAL(linkat); REAL(symlinkat);
REAL(fsync); REAL(fdatasync); REAL(close); REAL(ftruncate); REAL(ftruncate64);
REAL(write); REAL(pwrite); REAL(pwrite64); REAL(writev); REAL(pwritev); REAL(pwritev64);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
#define FIND(name) if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static void find_role(void) {
  static char line[2048];
  int fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t size = read(fd, line, sizeof line - 2);
  syscall(SYS_close, fd);
  if (size <= 0) return;
  line[size] = line[size + 1] = 0;
  int is_main = 0;
  for (char *word = line; word < line + size; word += strlen(word) + 1) {
    if (is_main) {
      char own[16];
      role = strdup(word);
      owner = getpid();
      snprintf(own, sizeof own, "%d", owner);
      setenv("MTM_CHAOS_OWNER", own, 1);
      return;
    }
    size_t length = strlen(word);
    if (length >= 7 && !strcmp(word + length - 7, "main.js") && !strstr(word, "data-process")) is_main = 1;
    if (strstr(word, "data-process-main")) role = "data";
    if (!strcmp(word, "-m")) role = "trainer";
  }
}

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("MTM_CHAOS_FILES");
  char path[PATH_MAX];
  if (!folder) return;
  snprintf(path, sizeof path, "%s/control", folder);
  int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  struct control *mapped = mmap(0, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (mapped == MAP_FAILED) return;
  const char *of = getenv("MTM_CHAOS_OWNER");
  owner = of ? atoi(of) : getpid();
  find_role();
  while (owner == getpid() && strcmp(role, "other") && mapped->gate) usleep(20000);
  snprintf(log_path, sizeof log_path, "%s/log", folder);
  control = mapped;
}

/* A path as the kernel would take it, or NULL where it is not below our folders. `which`: the folder. */
static const char *ours(int at, const char *path, char *room, int *which) {
  if (!control || !path) return NULL;
  int held, length_of_held = 0;
  /* What lies in a folder that a process holds, by which it is named whatever takes its place (trainer/platform/places.py). */
  if (sscanf(path, "/proc/self/fd/%d%n", &held, &length_of_held) == 1 && path[length_of_held] == '/')
    return ours(held, path + length_of_held + 1, room, which);
  if (path[0] != '/') {
    if (at == AT_FDCWD) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, room, PATH_MAX - 1);
    if (length <= 0 || room[0] != '/') return NULL;
    snprintf(room + length, PATH_MAX - length, "/%s", path);
    path = room;
  }
  for (int n = 0; n < FOLDERS && control->folders[n][0]; n++) {
    size_t length = strlen(control->folders[n]);
    if (!strncmp(path, control->folders[n], length) && (path[length] == '/' || !path[length]) && !strstr(path, "/.chaos-")) {
      *which = n;
      return path;
    }
  }
  return NULL;
}

static const char *path_of(int fd, char *room, int *which) {
  char link[64], found[PATH_MAX];
  if (!control) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, found, sizeof found - 1);
  room[0] = 0;
  if (length <= 0) return NULL;
  found[length] = 0;
  strcpy(room, found);
  return ours(AT_FDCWD, room, room, which);
}

/* A path as every run has it: numbers, hashes and random ids are left out. */
static size_t general(char *to, size_t size, const char *path, int which) {
  const char *folder = control->folders[which], *slash = strrchr(folder, '/');
  size_t used = snprintf(to, size, "%s", slash + 1);
  for (const char *at = path + strlen(folder); *at && used + 2 < size;) {
    size_t hex = strspn(at, "0123456789abcdef-"), digits = strspn(at, "0123456789");
    /* What tempfile makes, in safetensors. */
    if (!strncmp(at, "/.tmp", 5)) { used += snprintf(to + used, size - used, "/.tmpT"); at += 1 + strcspn(at + 1, "/"); continue; }
    if (hex >= 32) { to[used++] = 'H'; at += hex; }
    else if (digits) { to[used++] = '#'; at += digits; }
    else to[used++] = *at++;
  }
  to[used] = 0;
  return used;
}

static void site_of(char *to, size_t size, const char *call, const char *one, int which, const char *two, int which_two) {
  size_t used = snprintf(to, size, "%s %s ", role, call);
  used += general(to + used, size - used, one, which);
  if (!two) return;
  used += snprintf(to + used, size - used, " -> ");
  general(to + used, size - used, two, which_two);
}

static int is_under(const char *path, const volatile char *folder) {
  size_t length = strlen((const char *)folder);
  return path && !strncmp(path, (const char *)folder, length) && (path[length] == '/' || !path[length]);
}

/* The errno with which the call is to fail; 0: it is to be made. Stops the process first where that is what the trap is for. */
static int trapped(int kind, const char *site, const char *one, const char *two) {
  for (int n = 0; n < TRAPS; n++) {
    struct trap *trap = &control->traps[n];
    if (!trap->set || !(trap->kinds & kind) || (trap->owner && trap->owner != owner)) continue;
    if (trap->site[0] && strcmp(trap->site, site)) continue;
    if (trap->under[0] && !is_under(one, trap->under) && !is_under(two, trap->under)) continue;
    int before = __sync_fetch_and_add(&trap->seen, 1);
    if (before < trap->skip || before >= trap->skip + trap->times) continue;
    trap->pid = getpid();
    trap->its_owner = owner;
    __sync_fetch_and_add(&trap->struck, 1);
    if (trap->action == FAIL) return trap->error;
    if (owner != getpid()) kill(owner, SIGSTOP);
    /* Of this thread, so that it does not get any further. */
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
  }
  return 0;
}

/* What was done, when it is done: an operation that is not in the log when the power goes was made durable by chance. */
static void note(const char *what, const char *site, const char *one, const char *two, const char *grave) {
  static int opened_by;
  char line[3 * PATH_MAX];
  int was = errno;
  /* Of each process its own, which no program closes without ours knowing: high, and looked at. */
  if (opened_by != getpid() || fcntl(log_fd, F_GETFD) < 0) {
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    log_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 700);
    if (log_fd < 0) log_fd = fd; else syscall(SYS_close, fd);
    opened_by = getpid();
  }
  int length = snprintf(line, sizeof line, "%d\t%d\t%s\t%s\t%s\t%s\t%s\n", getpid(), owner, what, site, one, two ? two : "", grave ? grave : "");
  if (log_fd >= 0) syscall(SYS_write, log_fd, line, length);
  errno = was;
}

static int is_there(const char *path) {
  struct stat found;
  return fstatat(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

#define SITE 1024
#define AT_ONE_PATH(kind, call, at, path)                                     \
  char room[PATH_MAX], site[SITE];                                            \
  int which = 0;                                                              \
  const char *real = ours(at, path, room, &which);                            \
  if (real) {                                                                 \
    site_of(site, sizeof site, call, real, which, NULL, 0);                   \
    int error = trapped(kind, site, real, NULL);                                          \
    if (error) { errno = error; return -1; }                                  \
  }

/* Opening. */

static int is_write(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)); }

static int open_as(int at, const char *path, int flags, mode_t mode) {
  FIND(openat);
  int writes = is_write(flags);
  AT_ONE_PATH(writes ? CHANGES : READS, writes ? "open" : "read", at, path)
  int created = real && writes && (flags & O_CREAT) && !is_there(real);
  int fd = real_openat(at, path, flags, mode);
  if (fd >= 0 && fd < TRACKED) tracked[fd] = 0;
  if (fd < 0 || !real || !writes) return fd;
  if (fd < TRACKED) tracked[fd] = 1;
  note(created ? "create" : flags & O_TRUNC ? "dirty" : "open", site, real, NULL, NULL);
  return fd;
}

#define MODE                                                       \
  mode_t mode = 0;                                                 \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE return open_as(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_as(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return open_as(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return open_as(at, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return open_as(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_as(AT_FDCWD, path, flags | O_LARGEFILE, 0); }
int __openat_2(int at, const char *path, int flags) { return open_as(at, path, flags, 0); }
int __openat64_2(int at, const char *path, int flags) { return open_as(at, path, flags | O_LARGEFILE, 0); }
int creat(const char *path, mode_t mode) { return open_as(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static FILE *fopen_as(const char *path, const char *how) {
  FIND(fopen64);
  int writes = how[0] != 'r' || strchr(how, '+') != NULL;
  char room[PATH_MAX], site[SITE];
  int which = 0;
  const char *real = ours(AT_FDCWD, path, room, &which);
  if (real) {
    site_of(site, sizeof site, writes ? "open" : "read", real, which, NULL, 0);
    int error = trapped(writes ? CHANGES : READS, site, real, NULL);
    if (error) { errno = error; return NULL; }
  }
  int created = real && how[0] != 'r' && !is_there(real);
  FILE *file = real_fopen64(path, how);
  /* What it writes goes past us: it is taken to be written from the start. */
  if (file && real && writes) { note(created ? "create" : "open", site, real, NULL, NULL); note("dirty", site, real, NULL, NULL); }
  return file;
}
FILE *fopen(const char *path, const char *how) { return fopen_as(path, how); }
FILE *fopen64(const char *path, const char *how) { return fopen_as(path, how); }

/* Writing. */

static void writes(int fd) {
  if (fd < 0 || fd >= TRACKED || tracked[fd] != 1) return;
  char room[PATH_MAX];
  int which;
  const char *path = path_of(fd, room, &which);
  tracked[fd] = path ? 2 : 0;
  if (path) note("dirty", "", path, NULL, NULL);
}
ssize_t write(int fd, const void *bytes, size_t size) { FIND(write); writes(fd); return real_write(fd, bytes, size); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { FIND(pwrite); writes(fd); return real_pwrite(fd, bytes, size, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) { FIND(pwrite64); writes(fd); return real_pwrite64(fd, bytes, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { FIND(writev); writes(fd); return real_writev(fd, parts, count); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { FIND(pwritev); writes(fd); return real_pwritev(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { FIND(pwritev64); writes(fd); return real_pwritev64(fd, parts, count, at); }
int ftruncate(int fd, off_t size) { FIND(ftruncate); writes(fd); return real_ftruncate(fd, size); }
int ftruncate64(int fd, off64_t size) { FIND(ftruncate64); writes(fd); return real_ftruncate64(fd, size); }
int close(int fd) {
  FIND(close);
  if (fd >= 0 && fd < TRACKED) tracked[fd] = 0;
  return real_close(fd);
}

/* The folder that our folders lie in: a sync of it makes their names safe. */
static int is_above(const char *path) {
  const char *folder = control->folders[0], *slash = strrchr(folder, '/');
  return slash && strlen(path) == (size_t)(slash - folder) && !strncmp(path, folder, slash - folder);
}

static int sync_as(int fd, int (*sync)(int)) {
  char room[PATH_MAX], site[SITE];
  int which;
  const char *path = path_of(fd, room, &which);
  if (path) {
    site_of(site, sizeof site, "fsync", path, which, NULL, 0);
    int error = trapped(CHANGES, site, path, NULL);
    if (error) { errno = error; return -1; }
  }
  int done = sync(fd);
  if (done == 0 && control && !path && is_above(room)) note("sync", "", room, NULL, NULL);
  if (done || !path) return done;
  if (fd < TRACKED && tracked[fd] == 2) tracked[fd] = 1;
  struct stat found;
  char size[32] = "";
  if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) snprintf(size, sizeof size, "%lld", (long long)found.st_size);
  note("sync", site, path, size, NULL);
  return 0;
}
int fsync(int fd) { FIND(fsync); return sync_as(fd, real_fsync); }
int fdatasync(int fd) { FIND(fdatasync); return sync_as(fd, real_fdatasync); }

/* Names. */

/* Keeps what a rename writes over under another name, since a rename that was not made durable is undone by a loss of power. */
static const char *bury(const char *path, int which, char *room) {
  static int count;
  struct stat found;
  if (fstatat(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) || !S_ISREG(found.st_mode)) return NULL;
  FIND(mkdir); FIND(link);
  snprintf(room, PATH_MAX, "%s/.chaos-graves", control->folders[which]);
  real_mkdir(room, 0700);
  size_t length = strlen(room);
  snprintf(room + length, PATH_MAX - length, "/%d-%d", getpid(), __sync_fetch_and_add(&count, 1));
  return real_link(path, room) == 0 ? room : NULL;
}

static int rename_as(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char from_room[PATH_MAX], to_room[PATH_MAX], grave_room[PATH_MAX], site[SITE];
  int from_which = 0, to_which = 0;
  const char *one = ours(from_at, from, from_room, &from_which), *two = ours(to_at, to, to_room, &to_which), *grave = NULL;
  if (one && two) {
    site_of(site, sizeof site, "rename", one, from_which, two, to_which);
    int error = trapped(CHANGES, site, one, two);
    if (error) { errno = error; return -1; }
    grave = bury(two, to_which, grave_room);
  }
  FIND(renameat); FIND(renameat2);
  int done = flags ? real_renameat2(from_at, from, to_at, to, flags) : real_renameat(from_at, from, to_at, to);
  if (done == 0 && one && two) note("rename", site, one, two, grave);
  return done;
}
int rename(const char *from, const char *to) { return rename_as(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return rename_as(from_at, from, to_at, to, 0); }
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) { return rename_as(from_at, from, to_at, to, flags); }

static int remove_as(int at, const char *path, int flags) {
  AT_ONE_PATH(CHANGES, flags & AT_REMOVEDIR ? "rmdir" : "unlink", at, path)
  FIND(unlinkat);
  int done = real_unlinkat(at, path, flags);
  if (done == 0 && real) note("remove", site, real, NULL, NULL);
  return done;
}
int unlink(const char *path) { return remove_as(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return remove_as(at, path, flags); }
int rmdir(const char *path) { return remove_as(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
  AT_ONE_PATH(CHANGES, "mkdir", at, path)
  FIND(mkdirat);
  int done = real_mkdirat(at, path, mode);
  if (done == 0 && real) note("mkdir", site, real, NULL, NULL);
  return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_at, const char *from, int at, const char *path, int flags) {
  AT_ONE_PATH(CHANGES, "link", at, path)
  FIND(linkat);
  int done = real_linkat(from_at, from, at, path, flags);
  if (done == 0 && real) {
    char from_room[PATH_MAX];
    int from_which;
    note("link", site, real, ours(from_at, from, from_room, &from_which), NULL);
  }
  return done;
}
int link(const char *from, const char *path) { return linkat(AT_FDCWD, from, AT_FDCWD, path, 0); }

int symlinkat(const char *to, int at, const char *path) {
  AT_ONE_PATH(CHANGES, "symlink", at, path)
  FIND(symlinkat);
  int done = real_symlinkat(to, at, path);
  if (done == 0 && real) note("symlink", site, real, NULL, NULL);
  return done;
}
int symlink(const char *to, const char *path) { return symlinkat(to, AT_FDCWD, path); }
