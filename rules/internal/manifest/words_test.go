package manifest

import "testing"

func TestDevelopmentWord(t *testing.T) {
	for name, want := range map[string]string{
		"deploy/latest/Dockerfile": "", "devops/app.yaml": "", "device-plugin": "", "deviation": "deviation",
		"docker-compose.dev.yml": "dev", "build/Debugger/x": "debugger", "loadTest/run.sh": "test", "e2etests": "etests",
		"localhost": "localhost", "examples/a": "examples", "microbench": "microbench", "cmd/app": "",
	} {
		if got := DevelopmentWord(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
