package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "service", SilenceUsage: true}
	root.AddCommand(&cobra.Command{Use: "version", Run: func(cmd *cobra.Command, args []string) { fmt.Println("1") }})
	root.AddCommand(&cobra.Command{Use: "serve", RunE: runServe})
	root.SetArgs([]string{"serve"})
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

// runServe is the function of a command.
func runServe(cmd *cobra.Command, args []string) error {
	defer flush()
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-sigs
		fmt.Println("logs")
		os.Exit(0)
	}()

	if err := http.Serve(listen(), nil); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// listen listens on a free port, and says so.
func listen() net.Listener {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	return l
}

func flush() { fmt.Println("metrics") }
