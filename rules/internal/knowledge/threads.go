package knowledge

import "regexp"

// threadCalls are the functions of packages syscall, unix and windows that change
// something of the calling thread alone: its namespaces, its identity, its
// signals, its priority, what it may do.
var threadCalls = []string{
	"Setns", "Unshare", "Prctl",
	"Setuid", "Setgid", "Setreuid", "Setregid", "Setresuid", "Setresgid", "Setfsuid", "Setfsgid", "Seteuid", "Setegid", "Setgroups", "Capset",
	"SchedSetaffinity", "SchedSetattr", "Setpriority", "IoprioSet",
	"Ptrace*", "PthreadSigmask", "Chroot", "PivotRoot", "Personality", "Seccomp", "KeyctlJoin*", "Exec",
	"SetThreadToken", "Impersonate*", "CoInitialize*",
}

var (
	// threadNumbers matches the numbers of such system calls.
	threadNumbers = regexp.MustCompile(`SYS_(?:SETNS|UNSHARE|PRCTL|SET\w*[UG]ID\w*|CAPSET|SCHED_SET\w*|PTRACE|RT_SIGPROCMASK|CHROOT|PERSONALITY|SECCOMP|SETPRIORITY|IOPRIO_SET|SET_MEMPOLICY)`)
	// threadNames matches the names of functions, and of packages, that do so by
	// way of others.
	threadNames = regexp.MustCompile(`(?i)setns|unshare|netns|namespace|set(?:e|re|res)?uid|setlabel|(?:set|thread|cpu)_?affinity|setfilelabel|selinux|apparmor|exec_?label|setcreate`)
	// threadLibraries matches the import paths of libraries for windows, graphics
	// and sound, whose calls belong to one thread for good.
	threadLibraries = regexp.MustCompile(`(?i)glfw|/sdl|gtk|/gl/|go-gl/|webview|/qt|walk|vulkan|opengl|cocoa|appkit|/ole\b|portaudio|raylib|ebiten|fyne|gioui`)
)

// ThreadCall reports whether a function of that name, of packages syscall, unix
// or windows, changes something of its thread.
func ThreadCall(name string) bool { return listed(threadCalls, name) }

// ThreadNumber reports whether the expression for the number of a system call
// names one that does.
func ThreadNumber(number string) bool { return threadNumbers.MatchString(number) }

// ThreadName reports whether a function or package of that name seems to change
// something of its thread.
func ThreadName(name string) bool { return threadNames.MatchString(name) }

// ThreadLibrary reports whether the calls of a library belong to one thread.
func ThreadLibrary(importPath string) bool { return threadLibraries.MatchString(importPath) }
