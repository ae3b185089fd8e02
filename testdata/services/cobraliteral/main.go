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
	defer flush()
	cobra.CheckErr(newRoot().Execute())
}

func newRoot() *cobra.Command {
	return &cobra.Command{
		Use: "service",
		Run: func(cmd *cobra.Command, args []string) {
			sigs := make(chan os.Signal, 1)
			signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
			go func() {
				<-sigs
				fmt.Println("logs")
				os.Exit(0)
			}()

			http.Serve(listen(), nil)
		},
	}
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
