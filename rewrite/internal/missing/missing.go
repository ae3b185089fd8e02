// Package missing reads from the go command's messages which C library, header or
// module a machine lacks, and says how it is got.
package missing

import (
	"regexp"
	"strings"
)

// missingC matches what pkg-config, the C compiler and the linker say when a C
// library is not installed.
var missingC = []*regexp.Regexp{
	regexp.MustCompile(`Package '?([^\s',]+)'?,? (?:was not found in the pkg-config|required by)`),
	regexp.MustCompile(`No package '([^']+)' found`),
	regexp.MustCompile(`exec: "(pkg-config)": executable file not found`),
	regexp.MustCompile(`fatal error: '?([^\s':]+)'?: No such file or directory`),
	regexp.MustCompile(`fatal error: '([^']+)' file not found`),
	regexp.MustCompile(`cannot find -l([\w.+-]+)`),
	regexp.MustCompile(`C compiler "([^"]+)" not found`),
}

// Library returns the name of the C library, header or tool that the go command's
// message says is missing, "" when it is about something else. A module of
// pkg-config has "pkg-config: " before its name.
func Library(msg string) string {
	if !strings.Contains(msg, "# ") && !strings.Contains(msg, "pkg-config") && !strings.Contains(msg, "C compiler") {
		return ""
	}
	for i, re := range missingC {
		if m := re.FindStringSubmatch(msg); m != nil {
			if i < 2 {
				return pkgConfig + m[1]
			}
			return m[1]
		}
	}
	return ""
}

const pkgConfig = "pkg-config: "

// Install says what to install for a library that Library returned.
func Install(library string) string {
	name, byPkgConfig := strings.CutPrefix(library, pkgConfig)
	switch {
	case name == "pkg-config" || !byPkgConfig && compilers.MatchString(name):
		return "install " + name
	case debian[name] != "":
		return "install its development files (" + debian[name] + " on Debian and Ubuntu)"
	case byPkgConfig:
		return "install its development files, which have " + name + ".pc"
	case strings.Contains(name, "."):
		return "install the development files that have it"
	}
	return "install its development files"
}

// Module returns the go command's message about a package that cannot be imported,
// with what to do where the module could not be had: in other cases the go command
// says so itself.
func Module(msg string) string {
	if refused.MatchString(msg) {
		return msg + "; run go mod download where the module can be had"
	}
	return msg
}

// refused matches what the go command says when a module is not in the module cache
// and cannot be downloaded.
var refused = regexp.MustCompile(`module lookup disabled|dial tcp|no such host|i/o timeout|connection refused|: [45]\d\d [A-Z]`)

// compilers matches the names of C compilers.
var compilers = regexp.MustCompile(`^(?:.*[-/])?(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)(?:-[\d.]+)?$`)

// debian has the package of Debian for what is often missing: modules of pkg-config,
// headers as they are included, and libraries as -l names them.
var debian = map[string]string{
	"alsa":                       "libasound2-dev",
	"ayatana-appindicator3-0.1":  "libayatana-appindicator3-dev",
	"btrfs/ioctl.h":              "libbtrfs-dev",
	"cairo":                      "libcairo2-dev",
	"devmapper":                  "libdevmapper-dev",
	"egl":                        "libegl-dev",
	"freetype2":                  "libfreetype-dev",
	"geos_c.h":                   "libgeos-dev",
	"gl":                         "libgl-dev",
	"glfw3":                      "libglfw3-dev",
	"glib-2.0":                   "libglib2.0-dev",
	"gobject-2.0":                "libglib2.0-dev",
	"gpgme":                      "libgpgme-dev",
	"gpgme.h":                    "libgpgme-dev",
	"gstreamer-1.0":              "libgstreamer1.0-dev",
	"gstreamer-app-1.0":          "libgstreamer-plugins-base1.0-dev",
	"gtk+-3.0":                   "libgtk-3-dev",
	"gtk4":                       "libgtk-4-dev",
	"hdf5.h":                     "libhdf5-dev",
	"leptonica/allheaders.h":     "libleptonica-dev",
	"leveldb/c.h":                "libleveldb-dev",
	"libavcodec":                 "libavcodec-dev",
	"libbpf":                     "libbpf-dev",
	"libelf":                     "libelf-dev",
	"libgit2":                    "libgit2-dev",
	"libnetfilter_queue":         "libnetfilter-queue-dev",
	"libpcap":                    "libpcap-dev",
	"libpcsclite":                "libpcsclite-dev",
	"libpulse":                   "libpulse-dev",
	"librados":                   "librados-dev",
	"libseccomp":                 "libseccomp-dev",
	"libsecret-1":                "libsecret-1-dev",
	"libsodium":                  "libsodium-dev",
	"libssl":                     "libssl-dev",
	"libsystemd":                 "libsystemd-dev",
	"libudev":                    "libudev-dev",
	"libudev.h":                  "libudev-dev",
	"libusb-1.0":                 "libusb-1.0-0-dev",
	"libvirt":                    "libvirt-dev",
	"libxml-2.0":                 "libxml2-dev",
	"libzmq":                     "libzmq3-dev",
	"lmdb.h":                     "liblmdb-dev",
	"lzma.h":                     "liblzma-dev",
	"MagickWand":                 "libmagickwand-dev",
	"opencv4":                    "libopencv-dev",
	"openssl":                    "libssl-dev",
	"openssl/ssl.h":              "libssl-dev",
	"opus":                       "libopus-dev",
	"opusfile":                   "libopusfile-dev",
	"pcap.h":                     "libpcap-dev",
	"poppler-glib":               "libpoppler-glib-dev",
	"portaudio-2.0":              "portaudio19-dev",
	"proj":                       "libproj-dev",
	"rados/librados.h":           "librados-dev",
	"rbd/librbd.h":               "librbd-dev",
	"rdkafka":                    "librdkafka-dev",
	"rocksdb/c.h":                "librocksdb-dev",
	"sdl2":                       "libsdl2-dev",
	"security/pam_appl.h":        "libpam0g-dev",
	"selinux/selinux.h":          "libselinux1-dev",
	"sqlite3":                    "libsqlite3-dev",
	"sqlite3.h":                  "libsqlite3-dev",
	"sys/capability.h":           "libcap-dev",
	"systemd/sd-journal.h":       "libsystemd-dev",
	"tesseract/capi.h":           "libtesseract-dev",
	"vips":                       "libvips-dev",
	"vulkan/vulkan.h":            "libvulkan-dev",
	"wayland-client":             "libwayland-dev",
	"webkit2gtk-4.0":             "libwebkit2gtk-4.0-dev",
	"webkit2gtk-4.1":             "libwebkit2gtk-4.1-dev",
	"x11":                        "libx11-dev",
	"X11/extensions/xf86vmode.h": "libxxf86vm-dev",
	"X11/extensions/Xinerama.h":  "libxinerama-dev",
	"X11/extensions/XInput2.h":   "libxi-dev",
	"X11/extensions/Xrandr.h":    "libxrandr-dev",
	"X11/Xcursor/Xcursor.h":      "libxcursor-dev",
	"X11/Xlib.h":                 "libx11-dev",
	"xkbcommon":                  "libxkbcommon-dev",
	"yara":                       "libyara-dev",
	"yara.h":                     "libyara-dev",
	"zlib":                       "zlib1g-dev",
	"zlib.h":                     "zlib1g-dev",
	"zmq.h":                      "libzmq3-dev",
	"zstd.h":                     "libzstd-dev",
}
