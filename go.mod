module github.com/runtimefix/runtimefix

go 1.25.0
