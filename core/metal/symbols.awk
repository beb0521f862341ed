# nm -n of the first link -> the table of symbols.c. It lies behind all code, so that filling it in
# moves no function.
BEGIN { n = 0 }
$2 ~ /^[tT]$/ && $1 ~ /^ffffffff8/ {
	address[n] = "0x" substr($1, 9)
	name[n++] = $3
}
END {
	print ".section .symbols, \"a\""
	print ".globl symbol_count, symbol_address, symbol_name, symbol_text"
	print ".align 4"
	print "symbol_count: .long " n + 0
	print "symbol_address:"
	for (i = 0; i < n; i++)
		print ".long " address[i] " - 0x80000000"
	print "symbol_name:"
	offset = 0
	for (i = 0; i < n; i++) {
		print ".long " offset
		offset += length(name[i]) + 1
	}
	print "symbol_text:"
	for (i = 0; i < n; i++)
		print ".asciz \"" name[i] "\""
	print ".asciz \"\""
	print ".section .note.GNU-stack, \"\", @progbits"
}
