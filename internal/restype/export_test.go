package restype

// RowCount is the number of rows in the table.
var RowCount = len(table)
