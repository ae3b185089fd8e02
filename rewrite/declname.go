package rewrite

import "go/ast"

// DeclName returns a declared function's name, behind its receiver's type and a
// dot when it has one: "Conn.Close". Pointers and type parameters are left out.
func DeclName(decl *ast.FuncDecl) string {
	if decl.Recv == nil || len(decl.Recv.List) == 0 {
		return decl.Name.Name
	}
	t := decl.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + decl.Name.Name
		default:
			return decl.Name.Name
		}
	}
}
