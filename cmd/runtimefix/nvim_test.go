package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nvimScript opens a file, waits for diagnostics, and applies "fix all".
const nvimScript = `
vim.cmd('edit main.go')
local id = vim.lsp.start_client({ name = 'runtimefix', cmd = { os.getenv('RUNTIMEFIX'), 'lsp' }, root_dir = vim.fn.getcwd() })
vim.lsp.buf_attach_client(0, id)
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 20)
local out = {}
for _, d in ipairs(vim.diagnostic.get(0)) do
  table.insert(out, d.lnum + 1 .. ': ' .. d.source .. ' ' .. d.message)
end
local params = vim.lsp.util.make_range_params()
params.context = { only = { 'source.fixAll' }, diagnostics = {} }
local res = vim.lsp.buf_request_sync(0, 'textDocument/codeAction', params, 60000)
for _, r in pairs(res or {}) do
  for _, a in ipairs(r.result or {}) do
    if not a.edit then
      a = vim.lsp.buf_request_sync(0, 'codeAction/resolve', a, 60000)[id].result
    end
    table.insert(out, a.title)
    vim.lsp.util.apply_workspace_edit(a.edit, vim.lsp.get_client_by_id(id).offset_encoding)
  end
end
vim.cmd('write')
vim.fn.writefile(vim.split(table.concat(out, '\n'), '\n'), 'out.txt')
vim.cmd('qall!')
`

// TestNeovim drives the language server by a real editor.
func TestNeovim(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("RUNTIMEFIX", program(t))
	home := t.TempDir()
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	t.Setenv("HOME", home)
	dir, _ := lspModule(t)
	for name, text := range map[string]string{"main.go": lspSource, "fix.lua": nvimScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(nvim, "--headless", "--clean", "-u", "NONE", "-n", "-c", "luafile fix.lua")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"11: runtimefix runtime.GC ", "17: runtimefix debug.SetPanicOnFault", "Fix all that is safe in this file (runtimefix)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the editor shows\n%s\nwithout %q", out, want)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if want := strings.Replace(strings.Replace(lspSource, "; runtime.GC()", "", 1), "\t\"runtime\"\n", "", 1); err != nil || string(data) != want {
		t.Errorf("the editor wrote\n%s\nwant\n%s", data, want)
	}
}
