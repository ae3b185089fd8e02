package knowledge

import "regexp"

// What C functions do, as far as their names tell.
var (
	// cFrees matches the names of functions that free what they get.
	cFrees = regexp.MustCompile(`(?i)free|close|destroy|release|delete|finali[sz]e|dispose|unref|deinit|cleanup|shutdown|teardown|drop|remove|clear|unset`)
	// cSurelyFrees matches those of which a finalizer calls several.
	cSurelyFrees = regexp.MustCompile(`(?i:(?:^|_)(?:free|destroy|delete|release|dispose|unref|close)(?:$|_))|^(?:[Dd]elete|[Ff]ree|[Dd]estroy|[Rr]elease)[A-Z]|[a-z](?:Free|Destroy|Delete|Release|Close|Unref)$`)
	// cMakes matches those whose result is an object of its own.
	cMakes = regexp.MustCompile(`(?i)new|creat|dup|copy|clone|alloc|open|ref|retain|init|make|from|parse|load`)
	// cKeepsDescriptor matches those that work on with a descriptor when they have
	// returned, as fdopen.
	cKeepsDescriptor = regexp.MustCompile(`(?i)open|from_?f(?:d|ile)|set_?\w*fd|attach|register`)
	// cAsync matches those that work on after they have returned, and some whose
	// documentation says so: MPI's immediate operations, ODBC's bindings, ZeroMQ's
	// messages without a copy, libusb's transfers.
	cAsync = regexp.MustCompile(`(?i)(?:^|_)(?:async|submit|enqueue|nonblock(?:ing)?|nowait)|(?:async|nonblocking|nowait)(?:$|_)|[a-z](?:Async|Submit|Enqueue)|^aio_|_aio_|set_?user_?data` +
		`|^MPI_I(?:[brs]?send|recv|bcast|(?:all)?reduce|(?:all)?gatherv?|scatterv?|alltoallv?)$|^SQLBind(?:Parameter|Col)$|^zmq_msg_init_data$|^libusb_fill_\w+_transfer$`)
	// cReadsAtOnce matches those of them that only read what describes the work.
	cReadsAtOnce = regexp.MustCompile(`^(?:vk|wgpu)[A-Z]`)
	// cMayKeep matches those of which it is likely when something waits for them
	// afterwards.
	cMayKeep = regexp.MustCompile(`(?i)post_|start_|register|set_?data|callback`)
	// cWaits matches what waits for the end of the work.
	cWaits = regexp.MustCompile(`(?i)wait|join|done|complete|drain|finish|synchroni[sz]e`)
)

// CFrees reports whether a C function of that name may free what it gets.
func CFrees(name string) bool { return cFrees.MatchString(name) }

// CSurelyFrees reports whether one certainly does.
func CSurelyFrees(name string) bool { return cSurelyFrees.MatchString(name) }

// CMakes reports whether what a C function of that name returns is an object of
// its own rather than a part of what it gets.
func CMakes(name string) bool { return cMakes.MatchString(name) }

// CKeepsDescriptor reports whether a C function of that name may work on with a
// descriptor when it has returned.
func CKeepsDescriptor(name string) bool { return cKeepsDescriptor.MatchString(name) }

// CAsync reports whether a C function of that name works on its pointers after it
// has returned.
func CAsync(name string) bool { return cAsync.MatchString(name) && !cReadsAtOnce.MatchString(name) }

// CMayKeep reports whether one does that waits are called for later.
func CMayKeep(name string) bool { return cMayKeep.MatchString(name) }

// CWaits reports whether a C function of that name waits for the end of work.
func CWaits(name string) bool { return cWaits.MatchString(name) }
